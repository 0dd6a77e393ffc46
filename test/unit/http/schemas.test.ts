import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../../src/domain/errors.ts'
import { cleanFilename, parseUploadFields } from '../../../src/http/schemas.ts'

test('fields are read into the domain’s names, with defaults', () => {
  const given = { token_id: 'greeting-1', not_before: '2026-11-21T09:30:00Z', metadata: '{"take":3}', unknown: 'x' }
  assert.deepEqual(parseUploadFields(given), {
    tokenId: 'greeting-1',
    priority: 'normal',
    notBefore: new Date('2026-11-21T09:30:00Z'),
    callbackUrl: null,
    metadata: { take: 3 },
    filename: null,
  })
})

test('each wrong field is named in its refusal', () => {
  const wrong = {
    token_id: ['-x', 'a b', 'a'.repeat(129), ['a', 'b'], '../x'],
    priority: ['urgent'],
    not_before: [
      'tomorrow',
      '2026-13-01T00:00:00Z',
      '2026-12-31T23:59:60Z',
      '0000-01-01T00:00:00Z',
      '9999-01-01T00:00:00Z',
    ],
    callback_url: [
      'ftp://x',
      'javascript:alert(1)',
      `https://x/${'a'.repeat(2000)}`,
      'http://x/\u0000',
      `http://x/${'é'.repeat(1500)}`,
    ],
    metadata: ['[]', 'null', '{', `{"a":"${'x'.repeat(2048)}"}`, `{"a":[${'1e20,'.repeat(390)}1]}`],
  }
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      assert.throws(
        () => parseUploadFields({ [name]: value }),
        (error: unknown) =>
          error instanceof AppError && error.code === 'request-invalid' && error.detail.startsWith(name),
        `${name}=${value}`,
      )
    }
  }
})

test('a filename keeps no folder and no control character', () => {
  assert.equal(cleanFilename('../../etc/passwd'), 'passwd')
  assert.equal(cleanFilename('C:\\takes\\take 3.wav'), 'take 3.wav')
  assert.equal(cleanFilename('a\r\nset-cookie: x\u0000.wav'), 'aset-cookie: x.wav')
  assert.equal(cleanFilename('녹음.wav'.normalize('NFD')), '녹음.wav')
  assert.equal(cleanFilename('/'), null)
  assert.equal([...(cleanFilename('é'.repeat(300)) ?? '')].length, 255)
})

test('metadata is kept as JSON will give it back, so that the same text is the same metadata', () => {
  assert.deepEqual(parseUploadFields({ metadata: '{"a":-0,"b":1e400}' }).metadata, { a: 0, b: null })
})
