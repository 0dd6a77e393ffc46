import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../../src/domain/errors.ts'
import { MAX_MESSAGE_BYTES } from '../../../src/domain/messages.ts'
import { analyseRecording } from '../../../src/services/analyse-recording.ts'
import { recordResult } from '../../../src/services/record-result.ts'
import { changeTo } from '../../contracts/job-store-suite.ts'
import { addJob, createFakePorts, type FakePorts, publishedSteps } from '../../support/fake-ports.ts'
import { makeJob } from '../../support/jobs.ts'
import { messageFor } from '../../support/orders.ts'

const answersOf = (ports: FakePorts) => ports.resultQueue.sent.map(({ body }) => JSON.parse(body))

test('a recording is analysed and its result sent in its owner’s group', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'forwarded')
  await analyseRecording(ports, messageFor(job))
  const [answer] = answersOf(ports)
  assert.deepEqual([answer.type, answer.job_id, answer.attempt], ['completed', job.jobId, 1])
  assert.ok(Math.abs(answer.duration_s - 0.05) < 1e-9)
  assert.equal(answer.result.duration_s, 0.05)
  assert.equal(ports.resultQueue.sent[0]?.groupId, 'acme')
  assert.equal((await ports.jobs.find(job.jobId))?.status, 'analysing')
  assert.equal(publishedSteps(ports, job)[0], 'analysing 65')
})

test('an order that overtook the forwarder’s row is analysed', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'queued')
  await analyseRecording(ports, messageFor(job))
  assert.equal(answersOf(ports)[0].type, 'completed')
})

for (const status of ['completed', 'failed', 'cancelled'] as const) {
  test(`an order of a ${status} job is acknowledged and published, and nothing is analysed`, async () => {
    const ports = createFakePorts()
    const job = await addJob(ports, status)
    await analyseRecording(ports, messageFor(job))
    assert.deepEqual([ports.analyser.begun, ports.resultQueue.sent], [[], []])
    assert.deepEqual(publishedSteps(ports, job), [`${status} ${job.progress}`])
    assert.equal(ports.metrics.counted('analyses', { outcome: 'repeat' }), 1)
  })
}

test('an order of another attempt is acknowledged and published, and nothing is analysed', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'forwarded')
  for (const attempt of [0, 2]) await analyseRecording(ports, messageFor(job, { attempt }))
  assert.deepEqual([ports.analyser.begun, ports.resultQueue.sent], [[], []])
  assert.deepEqual(await ports.jobs.find(job.jobId), job)
  assert.deepEqual(publishedSteps(ports, job), ['forwarded 60'])
})

test('a redelivered order whose analyser is gone is analysed again', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'analysing')
  await analyseRecording(ports, messageFor(job))
  assert.equal(answersOf(ports)[0].type, 'completed')
})

test('an order of a job that does not exist is refused as job-not-found', async () => {
  const ports = createFakePorts()
  await assert.rejects(analyseRecording(ports, messageFor(makeJob())), { code: 'job-not-found', retry: 'never' })
})

test('a recording that cannot be read is answered with failed, and the order acknowledged', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'forwarded')
  ports.analyser.next(async () => {
    throw new AppError('recording-undecodable', 'The file ends early')
  })
  await analyseRecording(ports, messageFor(job))
  const error = { code: 'recording-undecodable', detail: 'The file ends early', retryable: false }
  assert.deepEqual(answersOf(ports), [{ version: 1, type: 'failed', job_id: job.jobId, attempt: 1, error }])
})

test('a recording that is gone is answered with failed', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'forwarded')
  await ports.objects.delete(job.objectKey)
  await analyseRecording(ports, messageFor(job))
  assert.equal(answersOf(ports)[0].error.code, 'object-not-found')
})

for (const [what, error] of [
  ['an error that can pass', new AppError('analysis-failed', 'The thread died')],
  ['an error that nobody foresaw', new TypeError('a mistake of ours')],
] as const) {
  test(`${what} is thrown and nothing is sent`, async () => {
    const ports = createFakePorts()
    const job = await addJob(ports, 'forwarded')
    ports.analyser.next(() => Promise.reject(error))
    await assert.rejects(analyseRecording(ports, messageFor(job)), error)
    assert.deepEqual(ports.resultQueue.sent, [])
  })
}

test('a result that is analysed again never touches the parts of one that is stored already', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'forwarded')
  const result = JSON.stringify({ padding: 'x'.repeat(6 * 1024 * 1024) })
  for (let i = 0; i < 2; i++) {
    ports.analyser.next(async () => ({ durationS: 1, result }))
    await analyseRecording(ports, messageFor(job))
  }
  const keys = answersOf(ports).map(({ result_s3_url }) => ports.objects.keyOf(result_s3_url))
  assert.equal(new Set(keys).size, 2)
  for (const key of keys) {
    assert.ok(key?.startsWith(`results/acme/${job.jobId}/1-`))
    assert.equal(ports.objects.objects.get(key ?? '')?.bytes.toString(), result)
  }
})

test('with the store away the order is thrown back and nothing is analysed', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'forwarded')
  ports.objects.setDown(true)
  await assert.rejects(analyseRecording(ports, messageFor(job)), { code: 'storage-unavailable' })
  assert.deepEqual([ports.analyser.begun, ports.resultQueue.sent], [[], []])
})

test('with the results queue away the order is thrown back', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'forwarded')
  ports.resultQueue.setDown(true)
  await assert.rejects(analyseRecording(ports, messageFor(job)), { code: 'queue-unavailable' })
})

test('an order that has to be given back is thrown with the reason of its signal', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'forwarded')
  const stopping = new AbortController()
  stopping.abort(new AppError('shutting-down', 'Stopping'))
  const message = messageFor(job, {}, stopping.signal)
  await assert.rejects(analyseRecording(ports, message), { code: 'shutting-down' })
  assert.deepEqual(ports.resultQueue.sent, [])
})

test('an audio URL of another owner, another place or another bucket is refused unread', async () => {
  const ports = createFakePorts()
  const foreign = await addJob(ports, 'stored', { owner: 'other' })
  for (const s3_audio_url of [
    ports.objects.urlOf(foreign.objectKey),
    's3://fake-bucket/results/acme/1.json',
    's3://fake-bucket/audio/acme/../other/take.wav',
    's3://another-bucket/audio/acme/take.wav',
    'https://example.org/audio/acme/take.wav',
  ]) {
    const job = await addJob(ports, 'forwarded')
    await analyseRecording(ports, messageFor(job, { s3_audio_url }))
    const { type, error } = answersOf(ports).at(-1)
    assert.deepEqual([type, error.code], ['failed', 'message-invalid'], s3_audio_url)
  }
  assert.deepEqual(ports.analyser.begun, [])
})

test('a result too large for a message goes to an object, and the answer carries its URL', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'forwarded')
  const result = JSON.stringify({ version: 1, filler: 'x'.repeat(MAX_MESSAGE_BYTES) })
  ports.analyser.next(async () => ({ durationS: 60, result }))
  await analyseRecording(ports, messageFor(job))
  const [answer] = answersOf(ports)
  const objectKey = ports.objects.keyOf(answer.result_s3_url) ?? ''
  assert.deepEqual([answer.type, answer.result, answer.duration_s], ['completed', undefined, 60])
  assert.equal(ports.objects.objects.get(objectKey)?.bytes.toString(), result)
  await recordResult(ports, { body: JSON.stringify(answer) })
  assert.deepEqual(await ports.jobs.findResult(job.jobId), { objectKey })
})

test('two analysers of one order both end well, and the second result is a repeat', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'forwarded')
  const bothBegan = Promise.withResolvers<void>()
  const meet = (durationS: number) => async () => {
    if (ports.analyser.begun.length === 2) bothBegan.resolve()
    await bothBegan.promise
    return { durationS, result: JSON.stringify({ version: 1, duration_s: durationS }) }
  }
  ports.analyser.next(meet(1))
  ports.analyser.next(meet(1))
  await Promise.all([analyseRecording(ports, messageFor(job)), analyseRecording(ports, messageFor(job))])
  for (const { body } of ports.resultQueue.sent) await recordResult(ports, { body })
  assert.equal(ports.resultQueue.sent.length, 2)
  assert.equal(ports.metrics.counted('results', { outcome: 'completed' }), 1)
  assert.equal(ports.metrics.counted('results', { outcome: 'repeat' }), 1)
  assert.equal((await ports.jobs.find(job.jobId))?.status, 'completed')
  assert.deepEqual(publishedSteps(ports, job), ['analysing 65', 'completed 100'])
})

test('a job cancelled while it is analysed stays cancelled', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'forwarded')
  ports.analyser.next(async () => {
    await ports.jobs.advance([changeTo(job.jobId, 'cancelled')])
    return { durationS: 1, result: '{"version":1}' }
  })
  await analyseRecording(ports, messageFor(job))
  for (const { body } of ports.resultQueue.sent) await recordResult(ports, { body })
  assert.equal((await ports.jobs.find(job.jobId))?.status, 'cancelled')
})
