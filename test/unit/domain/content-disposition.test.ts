import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { formatDisposition } from '../../../src/domain/content-disposition.ts'

describe('the header of a download', () => {
  const cases: readonly [string | null, string][] = [
    [null, 'attachment'],
    ['', 'attachment'],
    ['../..', 'attachment'],
    ['take 3.wav', 'attachment; filename="take 3.wav"'],
    ['C:\\temp\\a.wav', 'attachment; filename="a.wav"'],
    ['../../etc/passwd', 'attachment; filename="passwd"'],
    [
      'a"; filename="b.html',
      `attachment; filename="a_; filename=_b.html"; filename*=UTF-8''a%22%3B%20filename%3D%22b.html`,
    ],
    ['a\r\nset-cookie: b', 'attachment; filename="aset-cookie: b"'],
    ["é'(*).wav", `attachment; filename="_'(*).wav"; filename*=UTF-8''%C3%A9%27%28%2a%29.wav`],
    ['\u202egpj.wav', 'attachment; filename="gpj.wav"'],
    ['\ud800.wav', `attachment; filename="_.wav"; filename*=UTF-8''%EF%BF%BD.wav`],
    ['100%.wav', `attachment; filename="100_.wav"; filename*=UTF-8''100%25.wav`],
  ]
  for (const [filename, header] of cases) {
    test(`is safe for ${JSON.stringify(filename)}`, () => assert.equal(formatDisposition(filename), header))
  }

  test('is bounded, and cuts no character in two', () => {
    const header = formatDisposition('🎵'.repeat(1000))
    assert.match(header, /UTF-8''(%F0%9F%8E%B5){150}$/)
  })
})
