import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordingKey, recordingPrefix, resultPrefix } from '../../../src/domain/object-keys.ts'

test('a recording lies under its owner and day', () => {
  const key = recordingKey('acme', 'id', '.wav', new Date('2026-11-21T23:59:59Z'))
  assert.equal(key, 'audio/acme/2026/11/21/id.wav')
})

test('no owner’s prefix covers another’s', () => {
  const owners = ['a', 'ab', 'a@b', 'a|b', 'a+b', 'a%40b', 'a.b', 'A']
  for (const one of owners) {
    for (const other of owners.filter((owner) => owner !== one)) {
      assert.ok(!recordingPrefix(one).startsWith(recordingPrefix(other)), `${one} ${other}`)
      assert.ok(!resultPrefix(one, 'j').startsWith(resultPrefix(other, 'j')))
    }
  }
})
