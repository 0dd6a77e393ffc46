import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readLetterRef } from '../../../src/domain/dead-letter.ts'
import { AppError } from '../../../src/domain/errors.ts'
import { formatCompletedAnswer, parseAnalysisAnswer, parseAnalysisRequest } from '../../../src/domain/messages.ts'

const jobId = '019aa7de-6f2b-7c3e-9a55-0c2f6a1b2c3d'
const request = {
  version: 1,
  job_id: jobId,
  attempt: 1,
  owner: 'acme',
  token_id: 'greeting-1',
  s3_audio_url: 's3://audio-bucket/audio/acme/2026/11/21/x.wav',
  s3_textgrid_url: null,
  s3_pitch_url: null,
  callback_url: null,
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
}
const answer = { version: 1, job_id: jobId, attempt: 1 }
const isPoison = (error: unknown): boolean => error instanceof AppError && error.code === 'message-invalid'

test('an order is read, unknown fields ignored', () => {
  assert.equal(parseAnalysisRequest(JSON.stringify({ ...request, new_field: 1 })).owner, 'acme')
})

test('an order of another version, without its job or not JSON is poison', () => {
  const bad = [{ ...request, version: 2 }, { ...request, job_id: 'x' }, { ...request, owner: '' }, {}, null, 'text']
  for (const body of [...bad.map((value) => JSON.stringify(value)), 'not json', '']) {
    assert.throws(() => parseAnalysisRequest(body), isPoison, body)
  }
})

test('each kind of answer is read', () => {
  const kinds = [
    { ...answer, type: 'progress', progress: 80, message: 'Tracking pitch' },
    { ...answer, type: 'completed', result: { version: 1 } },
    { ...answer, type: 'completed', result_s3_url: 's3://audio-bucket/results/acme/x/1.json' },
    { ...answer, type: 'failed', error: { code: 'too-noisy' } },
  ]
  for (const kind of kinds) assert.equal(parseAnalysisAnswer(JSON.stringify(kind)).type, kind.type)
})

test('a job id in upper case is read as the lower case that rows have', () => {
  const upper = { job_id: jobId.toUpperCase() }
  assert.equal(parseAnalysisRequest(JSON.stringify({ ...request, ...upper })).job_id, jobId)
  const failed = { ...answer, ...upper, type: 'failed', error: { code: 'too-noisy' } }
  assert.equal(parseAnalysisAnswer(JSON.stringify(failed)).job_id, jobId)
  const { jobId: ofLetter, isOurs } = readLetterRef(JSON.stringify(failed))
  assert.deepEqual([ofLetter, isOurs], [jobId, true])
})

test('an answer with both or neither form of result is poison', () => {
  const both = { ...answer, type: 'completed', result: {}, result_s3_url: 's3://b/k' }
  for (const value of [
    both,
    { ...answer, type: 'completed' },
    { ...answer, type: 'other' },
    { ...answer, type: 'failed' },
  ]) {
    assert.throws(() => parseAnalysisAnswer(JSON.stringify(value)), isPoison)
  }
})

test('a result nested too deep is poison, and brackets within strings do not count', () => {
  const nested = (depth: number): string =>
    `{"version":1,"type":"completed","job_id":"${jobId}","attempt":1,"result":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}}`
  assert.equal(parseAnalysisAnswer(nested(50)).type, 'completed')
  assert.throws(() => parseAnalysisAnswer(nested(20_000)), isPoison)
  const text = JSON.stringify({ ...answer, type: 'completed', result: { a: '[{"\\"'.repeat(1000) } })
  assert.equal(parseAnalysisAnswer(text).type, 'completed')
})

test('a completed answer is written around its result without touching it', () => {
  const text = formatCompletedAnswer({ jobId, attempt: 2, durationS: 1.5 }, '{"a":[1,null,2.50]}')
  const parsed = parseAnalysisAnswer(text)
  assert.ok(parsed.type === 'completed')
  assert.equal(parsed.attempt, 2)
  assert.equal(parsed.duration_s, 1.5)
  assert.ok(text.endsWith('"result":{"a":[1,null,2.50]}}'))
})
