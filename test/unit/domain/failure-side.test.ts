import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERRORS } from '../../../src/domain/errors.ts'
import { CLIENT_CODES, FAILURE_SIDES, isClientsFault } from '../../../src/domain/failure-side.ts'

/** All that a route may be blamed for. */
const OURS = [
  ...['job-not-found', 'result-format-unavailable', 'formatter-busy', 'issuer-unavailable', 'streams-full'],
  ...[
    'database-unavailable',
    'storage-unavailable',
    'queue-unavailable',
    'progress-unavailable',
    'not-ready',
    'shutting-down',
  ],
  ...[
    'object-not-found',
    'message-invalid',
    'analysis-timeout',
    'analysis-failed',
    'analysis-abandoned',
    'job-too-old',
  ],
  ...['signature-invalid', 'job-not-direct', 'cutover-conflict', 'direct-route-missing'],
  ...['analysis-server-silent', 'internal'],
]

test('of every code it is written down whose fault it is', () => {
  assert.deepEqual(Object.keys(FAILURE_SIDES), Object.keys(ERRORS))
  assert.deepEqual(
    Object.keys(FAILURE_SIDES).filter((code) => !CLIENT_CODES.includes(code)),
    OURS,
  )
})

test('a recording that is refused is its client’s fault on either route', () => {
  const [direct, queue] = ['analysis-server-refused', ['recording-undecodable', 'codec-unsupported']] as const
  assert.deepEqual([direct, ...queue].map(isClientsFault), [true, true, true])
})

test('what a recording or a request is to blame for is the client’s; a code of somebody else’s is ours', () => {
  const clients = ['upload-not-audio', 'upload-expired', 'recording-too-long', 'codec-unsupported', 'reference-invalid']
  assert.deepEqual(clients.map(isClientsFault), [true, true, true, true, true])
  assert.deepEqual(['analysis-timeout', 'their-own-code', ''].map(isClientsFault), [false, false, false])
})
