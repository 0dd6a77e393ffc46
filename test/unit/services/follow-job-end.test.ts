import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { parseCursor } from '../../../src/domain/cursor.ts'
import { followJob } from '../../../src/services/follow-job.ts'
import { publishJobs } from '../../../src/services/publish-job.ts'
import { changeTo } from '../../contracts/job-store-suite.ts'
import { createFakePorts } from '../../support/fake-ports.ts'
import { addFollowedJob, createSink, during, moveTo } from './followers.ts'

test('after the terminal event a stream ends once and listens no more', async () => {
  const ports = createFakePorts()
  const { job } = await addFollowedJob(ports, 'analysing')
  const sink = createSink()
  await followJob(ports, job, undefined, sink)
  await moveTo(ports, job, 'completed')
  assert.deepEqual(sink.steps, ['snapshot analysing 65', 'completed completed 100'])
  assert.deepEqual(parseCursor(sink.frames[1]?.id)?.end, { jobId: job.jobId, attempt: 1 })
  assert.deepEqual([sink.ends, ports.progress.listenerCount], [1, 0])
})

test('a job that has ended already gives its snapshot and the end', async () => {
  const ports = createFakePorts()
  const { job } = await addFollowedJob(ports, 'failed')
  const sink = createSink()
  await followJob(ports, job, undefined, sink)
  assert.deepEqual(sink.steps, ['snapshot failed 65'])
  assert.deepEqual([sink.ends, ports.progress.listenerCount], [1, 0])
})

test('a terminal event that arrives while the log is read ends the stream once', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'analysing')
  const sink = createSink()
  await followJob(
    during(ports, 'read', () => moveTo(ports, job, 'completed')),
    job,
    cursor,
    sink,
  )
  assert.deepEqual([sink.steps, sink.ends, ports.progress.listenerCount], [['completed completed 100'], 1, 0])
})

test('a reader that stopped gets nothing more, not even the end', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'analysing')
  const sink = createSink()
  const following = await followJob(ports, job, cursor, sink)
  following.stop()
  await moveTo(ports, job, 'completed')
  assert.deepEqual([sink.frames, sink.ends, ports.progress.listenerCount], [[], 0, 0])
})

test('a stream that cannot begin throws, sends nothing and listens no more', async () => {
  const ports = createFakePorts()
  const { job } = await addFollowedJob(ports, 'queued')
  ports.jobs.setDown(true)
  const sink = createSink()
  await assert.rejects(followJob(ports, job, undefined, sink), { code: 'database-unavailable' })
  ports.progress.setDown(true)
  await assert.rejects(followJob(ports, job, undefined, sink), { code: 'progress-unavailable' })
  assert.deepEqual([sink.frames, sink.ends, ports.progress.listenerCount], [[], 0, 0])
})

test('a stream interrupted while the log is away ends once, so that its reader comes again', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'queued')
  const sink = createSink()
  await followJob(ports, job, cursor, sink)
  ports.progress.setDown(true)
  ports.progress.interrupt()
  ports.progress.interrupt()
  await setImmediate()
  assert.deepEqual([sink.frames, sink.ends, ports.progress.listenerCount], [[], 1, 0])
})

test('a reader from before an earlier attempt’s end gets that on the way, and goes on to the end of the current one', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'analysing')
  await moveTo(ports, job, 'failed')
  const { moved, job: again } = await ports.jobs.restart(job.jobId, 1)
  assert.ok(moved && again)
  await publishJobs(ports, [again])
  const sink = createSink()
  await followJob(ports, again, cursor, sink)
  assert.deepEqual([sink.steps, sink.ends], [['failed failed 65', 'progress stored 25'], 0])
  await ports.jobs.advance([{ ...changeTo(job.jobId, 'cancelled'), attempt: 2 }])
  await publishJobs(ports, await ports.jobs.findMany([job.jobId]))
  assert.deepEqual([sink.steps.at(-1), sink.ends], ['cancelled cancelled 25', 1])
})
