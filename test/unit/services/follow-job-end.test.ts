import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { parseCursor } from '../../../src/domain/cursor.ts'
import { followJob } from '../../../src/services/follow-job.ts'
import { publishJobs } from '../../../src/services/publish-job.ts'
import { changeTo } from '../../contracts/job-store-suite.ts'
import { createFakePorts } from '../../support/fake-ports.ts'
import { addFollowedJob, createDeafPorts, createSink, during, moveTo } from './followers.ts'

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

/** Lets so much time pass in which only timers run, and what they set off. */
async function passMs(t: TestContext, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 250) {
    t.mock.timers.tick(250)
    await setImmediate()
  }
}

test('a stream interrupted while the log is away stays, and is told what it missed when that is back', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { ports, asked } = createDeafPorts()
  const { job, cursor } = await addFollowedJob(ports, 'queued')
  const sink = createSink()
  await followJob(ports, job, cursor, sink)
  asked.isDeaf = true
  await moveTo(ports, job, 'forwarded')
  asked.isDeaf = false
  ports.progress.setDown(true)
  ports.progress.interrupt()
  await passMs(t, 8000)
  ports.progress.interrupt()
  await passMs(t, 8000)
  assert.deepEqual([sink.frames, sink.ends, ports.progress.listenerCount], [[], 0, 1])
  ports.progress.setDown(false)
  // Heard while it waits: it comes from the log then, in its turn and once.
  await moveTo(ports, job, 'analysing')
  await passMs(t, 5000)
  assert.deepEqual([sink.steps, sink.ends], [['progress forwarded 60', 'progress analysing 65'], 0])
  await moveTo(ports, job, 'completed')
  assert.deepEqual([sink.steps.at(-1), sink.ends], ['completed completed 100', 1])
})

test('a stream that cannot go on for half a minute ends once, so that its reader comes again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { ports, asked } = createDeafPorts()
  const { job, cursor } = await addFollowedJob(ports, 'queued')
  const sink = createSink()
  await followJob(ports, job, cursor, sink)
  ports.progress.setDown(true)
  const before = asked.reads
  ports.progress.interrupt()
  ports.progress.interrupt()
  await passMs(t, 25_000)
  assert.equal(sink.ends, 0)
  await passMs(t, 15_000)
  assert.deepEqual([sink.frames, sink.ends, ports.progress.listenerCount], [[], 1, 0])
  const tries = asked.reads - before
  assert.ok(tries >= 8 && tries <= 16, `${tries} tries`)
})

test('a reader that stops while it waits for the log asks no more', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { ports, asked } = createDeafPorts()
  const { job, cursor } = await addFollowedJob(ports, 'queued')
  const sink = createSink()
  const following = await followJob(ports, job, cursor, sink)
  ports.progress.setDown(true)
  ports.progress.interrupt()
  await passMs(t, 1000)
  following.stop()
  const before = asked.reads
  await passMs(t, 60_000)
  assert.deepEqual([asked.reads - before, sink.frames, sink.ends, ports.progress.listenerCount], [0, [], 0, 0])
})

test('an interrupted stream whose job is gone ends at once: no wait can help', async () => {
  const ports = createFakePorts()
  const { job } = await addFollowedJob(ports, 'queued')
  const sink = createSink()
  await followJob(ports, job, undefined, sink)
  ports.jobs.rows.delete(job.jobId)
  ports.progress.flush()
  ports.progress.interrupt()
  await setImmediate()
  assert.deepEqual([sink.frames.map(({ event }) => event), sink.ends], [['snapshot', 'gap'], 1])
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
