/** What a job's own way writes into its timeline where it is not the straight one, row by row. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../../src/domain/errors.ts'
import type { Job } from '../../../src/domain/job.ts'
import { analyseRecording } from '../../../src/services/analyse-recording.ts'
import { cancelJob } from '../../../src/services/cancel-job.ts'
import { forwardJob } from '../../../src/services/forward-job.ts'
import { recordResult } from '../../../src/services/record-result.ts'
import { retryJob } from '../../../src/services/retry-job.ts'
import { changeTo } from '../../contracts/job-store-suite.ts'
import { addJob, createFakePorts, type FakePorts } from '../../support/fake-ports.ts'
import { hopsOf } from '../../support/hops.ts'
import { messageFor } from '../../support/orders.ts'

test('a cancel is told once, in the attempt it ended', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'failed')
  await ports.jobs.restart(job.jobId, 1)
  await cancelJob(ports, job)
  await assert.rejects(cancelJob(ports, job), { code: 'job-terminal' })
  assert.deepEqual(await hopsOf(ports, job), ['cancel cancelled 2'])
})

test('a retry is told once, in the attempt that it began, and then what came of it', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'failed')
  await Promise.allSettled([retryJob(ports, job), retryJob(ports, job)])
  await assert.rejects(retryJob(ports, job), { code: 'job-not-retryable' })
  assert.deepEqual((await hopsOf(ports, job)).toSorted(), ['dispatch queued 2', 'retry restarted 2'])
})

test('with Redis away a retry is told, and that it is handed over later', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'failed')
  ports.jobQueue.setDown(true)
  await retryJob(ports, job)
  assert.deepEqual(await hopsOf(ports, job), ['retry restarted 2', 'dispatch deferred 2 (queue-unavailable)'])
})

test('an order that cannot be sent is told with the reason, and that it was sent when it could', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'queued')
  ports.analysisQueue.setDown(true)
  await assert.rejects(forwardJob(ports, job), { code: 'queue-unavailable' })
  ports.analysisQueue.setDown(false)
  await forwardJob(ports, job)
  assert.deepEqual(await hopsOf(ports, job), ['forward failed 1 (queue-unavailable)', 'forward sent 1'])
})

const analyse = async (how: (ports: FakePorts, job: Job) => unknown): Promise<string[]> => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'forwarded')
  how(ports, job)
  await analyseRecording(ports, messageFor(job), { checkIntervalMs: 0 }).catch(() => {})
  return hopsOf(ports, job)
}

test('an analysis that breaks off, is stopped or is not possible is told as what it was, with the code', async () => {
  const failing = (code: 'storage-unavailable' | 'recording-undecodable') => (ports: FakePorts) =>
    ports.analyser.next(() => Promise.reject(new AppError(code, 'no')))
  const brokenOff = await analyse(failing('storage-unavailable'))
  assert.deepEqual(brokenOff, ['analyse received 1', 'analyse failed 1 (storage-unavailable)'])
  const impossible = ['analyse received 1', 'analyse not-analysable 1 (recording-undecodable)', 'answer sent 1']
  assert.deepEqual(await analyse(failing('recording-undecodable')), impossible)
  const stopped = await analyse((ports, { jobId }) =>
    ports.analyser.next(async ({ signal, onProgress }) => {
      await ports.jobs.advance([changeTo(jobId, 'cancelled')])
      const { promise, reject } = Promise.withResolvers<never>()
      signal.addEventListener('abort', () => reject(signal.reason))
      onProgress(0.5, 'Tracking pitch')
      return promise
    }),
  )
  assert.deepEqual(stopped, ['analyse received 1', 'analyse stopped 1'])
})

test('an answer is told as recorded, as repeated, or as too late, with the code of a failure', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'analysing')
  const failed = { type: 'failed', error: { code: 'recording-too-long' } }
  for (const answer of [failed, failed, { type: 'completed', result: { version: 1 } }]) {
    await recordResult(ports, { body: JSON.stringify({ version: 1, job_id: job.jobId, attempt: 1, ...answer }) })
  }
  assert.deepEqual(await hopsOf(ports, job), [
    ...['record failed 1 (recording-too-long)', 'record repeat 1 (recording-too-long)', 'record late 1'],
  ])
})
