import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signBody } from '../../../src/domain/callback.ts'
import { AppError } from '../../../src/domain/errors.ts'
import { checkSignature, readSignature, SIGNATURE_TOLERANCE_S } from '../../../src/domain/webhook-signature.ts'

const NOW_S = 1_795_255_200
const SECRET = 'a secret of sixteen'
const BODY = '{"version":1,"text":"né"}'
const isRefusal = (error: unknown): boolean => error instanceof AppError && error.code === 'signature-invalid'

const verify = (header: string, { secret = SECRET, body = BODY, nowS = NOW_S } = {}): void =>
  checkSignature(readSignature(header, nowS), secret, Buffer.from(body))

test('what was signed with the secret is let in, and a body changed by one byte, or another secret’s, is not', () => {
  const header = signBody([SECRET], NOW_S, BODY)
  verify(header)
  assert.throws(() => verify(header, { body: `${BODY} ` }), isRefusal)
  assert.throws(() => verify(header, { secret: 'another secret, long' }), isRefusal)
  assert.throws(() => verify(header.replace(`t=${NOW_S}`, `t=${NOW_S + 1}`)), isRefusal)
})

test('of several signatures one that holds is enough, so that a secret can be changed', () => {
  verify(signBody(['the old secret, long', SECRET], NOW_S, BODY))
  verify(`${signBody([SECRET], NOW_S, BODY)},v2=of-a-later-scheme`)
})

test('a signature is good for five minutes, and its clock may be as much ahead', () => {
  const header = signBody([SECRET], NOW_S, BODY)
  for (const nowS of [NOW_S + SIGNATURE_TOLERANCE_S, NOW_S - SIGNATURE_TOLERANCE_S]) verify(header, { nowS })
  for (const nowS of [NOW_S + SIGNATURE_TOLERANCE_S + 1, NOW_S - SIGNATURE_TOLERANCE_S - 1]) {
    assert.throws(() => readSignature(header, nowS), isRefusal)
  }
})

test('a header of another form is refused before there is a body', () => {
  const v1 = 'a'.repeat(64)
  for (const header of [
    '',
    'x',
    `v1=${v1}`,
    `t=${NOW_S}`,
    `t=${NOW_S},v1=`,
    `t=${NOW_S},v1=${v1}0`,
    `t=${NOW_S}.5,v1=${v1}`,
    `t=-1,v1=${v1}`,
    `t=NaN,v1=${v1}`,
    `t=${NOW_S},t=${NOW_S},v1=${v1}`,
    `t=${NOW_S},${Array.from({ length: 6 }, () => `v1=${v1}`).join(',')}`,
  ]) {
    assert.throws(() => readSignature(header, NOW_S), isRefusal, header)
  }
})
