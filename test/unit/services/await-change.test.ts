import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatCursor, parseCursor } from '../../../src/domain/cursor.ts'
import { awaitChange } from '../../../src/services/await-change.ts'
import { createFakePorts } from '../../support/fake-ports.ts'
import { addFollowedJob, moveTo, report } from './followers.ts'

const FOREVER = new AbortController().signal

/** A log that tells when somebody listens. */
function createListenedPorts() {
  const ports = createFakePorts()
  const { subscribe } = ports.progress
  const listening = Promise.withResolvers<void>()
  const read: typeof ports.progress.read = async (...given) => {
    const slice = await ports.progress.read(...given)
    listening.resolve()
    return slice
  }
  return {
    ports,
    listened: { ...ports, progress: { ...ports.progress, subscribe, read } },
    listening: listening.promise,
  }
}

test('a change after the cursor is told at once, with the cursor behind it', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'stored')
  const queued = await moveTo(ports, job, 'queued')
  const awaited = await awaitChange(ports, job, cursor, FOREVER)
  assert.deepEqual(awaited, { job: queued, cursor: formatCursor(await ports.progress.head(job.owner)) })
  assert.equal(ports.progress.listenerCount, 0)
})

for (const after of ['the cursor', 'now'] as const) {
  test(`a change after ${after} is waited for, percentages included`, async () => {
    const { ports, listened, listening } = createListenedPorts()
    const { job, cursor } = await addFollowedJob(ports, 'analysing')
    const awaiting = awaitChange(listened, job, after === 'now' ? undefined : cursor, FOREVER)
    await listening
    await report(ports, job, 81)
    const awaited = await awaiting
    assert.deepEqual([awaited.job.status, awaited.job.progress], ['analysing', 81])
    assert.deepEqual(parseCursor(awaited.cursor ?? ''), await ports.progress.head(job.owner))
    assert.equal(ports.progress.listenerCount, 0)
  })
}

test('a change whose publish was lost is told at once', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'stored')
  const [advanced] = await ports.jobs.advance([{ jobId: job.jobId, attempt: 1, to: 'queued' }])
  assert.ok(advanced?.job)
  const awaited = await awaitChange(ports, advanced.job, cursor, AbortSignal.timeout(1_000))
  assert.deepEqual(awaited, { job: advanced.job, cursor: formatCursor(await ports.progress.head(job.owner)) })
  assert.equal(ports.progress.entries.length, 2)
})

test('what the log no longer knows is told as a change', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'queued')
  ports.progress.flush()
  const awaited = await awaitChange(ports, job, cursor, FOREVER)
  assert.equal(awaited.job.status, 'queued')
  assert.notEqual(parseCursor(awaited.cursor ?? '')?.epoch, cursor.epoch)
})

test('nobody waits for a job that has ended', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'failed')
  for (const after of [cursor, undefined]) {
    const awaited = await awaitChange(ports, job, after, FOREVER)
    assert.deepEqual([awaited.job.status, awaited.cursor], ['failed', formatCursor(cursor)])
  }
})

test('whoever gives up is told how things stand, and leaves no listener', async () => {
  const { ports, listened, listening } = createListenedPorts()
  const { job, cursor } = await addFollowedJob(ports, 'queued')
  const giving = new AbortController()
  const awaiting = awaitChange(listened, job, cursor, giving.signal)
  await listening
  giving.abort()
  assert.deepEqual(await awaiting, { job, cursor: formatCursor(cursor) })
  assert.equal(ports.progress.listenerCount, 0)
})

test('while the log is away the wait is as long as it was to be, and the row is told', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'queued')
  ports.progress.setDown(true)
  const giving = new AbortController()
  let isOver = false
  const awaiting = awaitChange(ports, job, cursor, giving.signal).finally(() => (isOver = true))
  const forwarded = (await ports.jobs.advance([{ jobId: job.jobId, attempt: 1, to: 'forwarded' }]))[0]?.job
  assert.equal(isOver, false)
  giving.abort()
  assert.deepEqual(await awaiting, { job: forwarded, cursor: formatCursor(cursor) })
})
