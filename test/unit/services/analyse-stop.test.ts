import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Job } from '../../../src/domain/job.ts'
import { analyseRecording } from '../../../src/services/analyse-recording.ts'
import { changeTo } from '../../contracts/job-store-suite.ts'
import { addJob, createFakePorts, type FakePorts } from '../../support/fake-ports.ts'
import { messageFor } from '../../support/orders.ts'

const answersOf = (ports: FakePorts) => ports.resultQueue.sent.map(({ body }) => JSON.parse(body))

for (const [what, change] of [
  ['cancelled', (ports: FakePorts, { jobId }: Job) => ports.jobs.advance([changeTo(jobId, 'cancelled')])],
  [
    'begun anew in another attempt',
    async (ports: FakePorts, { jobId }: Job) => {
      await ports.jobs.advance([changeTo(jobId, 'failed')])
      await ports.jobs.restart(jobId, 1)
    },
  ],
] as const) {
  test(`the analysis of a job ${what} is stopped at the next progress mark, and its order acknowledged`, async () => {
    const ports = createFakePorts()
    const job = await addJob(ports, 'forwarded')
    let stopped = false
    ports.analyser.next(async ({ signal, onProgress }) => {
      await change(ports, job)
      const { promise, reject } = Promise.withResolvers<never>()
      signal.addEventListener('abort', () => reject(signal.reason))
      onProgress(0.5, 'Tracking pitch')
      return promise.finally(() => {
        stopped = true
      })
    })
    await analyseRecording(ports, messageFor(job), { checkIntervalMs: 0 })
    assert.equal(stopped, true)
    assert.deepEqual(ports.resultQueue.sent, [])
    assert.equal(ports.metrics.counted('analyses', { outcome: 'stopped' }), 1)
  })
}

test('a database that is away at a progress mark stops nothing', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'forwarded')
  ports.analyser.next(async ({ onProgress, signal }) => {
    ports.jobs.setDown(true)
    onProgress(0.5, 'Tracking pitch')
    await new Promise(setImmediate)
    ports.jobs.setDown(false)
    signal.throwIfAborted()
    return { durationS: 1, result: '{"version":1}' }
  })
  await analyseRecording(ports, messageFor(job), { checkIntervalMs: 0 })
  assert.equal(answersOf(ports)[0].type, 'completed')
})

test('the row of a job under way is read once per interval at most', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'forwarded')
  let reads = 0
  const find: typeof ports.jobs.find = (jobId) => {
    reads += 1
    return ports.jobs.find(jobId)
  }
  ports.analyser.next(async ({ onProgress }) => {
    for (let mark = 0; mark < 100; mark += 1) onProgress(mark / 100, 'Tracking pitch')
    return { durationS: 1, result: '{"version":1}' }
  })
  await analyseRecording({ ...ports, jobs: { ...ports.jobs, find } }, messageFor(job), { checkIntervalMs: 3_600_000 })
  assert.equal(reads, 0)
})
