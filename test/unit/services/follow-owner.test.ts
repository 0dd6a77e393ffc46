import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { parseCursor } from '../../../src/domain/cursor.ts'
import { followJob } from '../../../src/services/follow-job.ts'
import { followOwner } from '../../../src/services/follow-owner.ts'
import { publishJobs } from '../../../src/services/publish-job.ts'
import { createFakePorts } from '../../support/fake-ports.ts'
import { addFollowedJob, createSink, during, moveTo, report } from './followers.ts'

const OWNER = 'acme'

test('without a cursor a reader gets a snapshot of each unfinished job, the last with an id, then what follows', async () => {
  const ports = createFakePorts()
  const { job: one } = await addFollowedJob(ports, 'stored')
  const { job: two } = await addFollowedJob(ports, 'queued')
  await addFollowedJob(ports, 'completed')
  const sink = createSink()
  await followOwner(ports, one.owner, undefined, undefined, sink)
  await moveTo(ports, one, 'queued')
  await moveTo(ports, two, 'completed')
  const { job: three } = await addFollowedJob(ports, 'uploading')
  await report(ports, three, 12)
  assert.deepEqual(sink.steps.slice(0, 2).sort(), ['snapshot queued 40', 'snapshot stored 25'])
  assert.deepEqual(sink.steps.slice(2), [
    'progress queued 40',
    'completed completed 100',
    'progress uploading 0',
    'progress uploading 12',
  ])
  assert.deepEqual(
    sink.frames.map(({ id }) => id !== undefined),
    [false, true, true, true, true, true],
  )
  assert.equal(sink.ends, 0)
})

test('with a cursor a reader gets what came after it, of every job, and no snapshot', async () => {
  const ports = createFakePorts()
  const { job: one } = await addFollowedJob(ports, 'stored')
  const { job: two, cursor } = await addFollowedJob(ports, 'stored')
  await moveTo(ports, two, 'queued')
  await moveTo(ports, one, 'cancelled')
  const sink = createSink()
  const following = await followOwner(ports, one.owner, undefined, cursor, sink)
  assert.deepEqual(sink.steps, ['progress queued 40', 'cancelled cancelled 25'])
  assert.deepEqual(following.openJobs(), [two.jobId])
})

test('who names jobs gets these, whatever their status, and nothing of others', async () => {
  const ports = createFakePorts()
  const { job: ended } = await addFollowedJob(ports, 'failed')
  const { job: named } = await addFollowedJob(ports, 'stored')
  const { job: other } = await addFollowedJob(ports, 'stored')
  const sink = createSink()
  const jobIds = new Set([ended.jobId, named.jobId])
  const following = await followOwner(ports, ended.owner, jobIds, undefined, sink)
  await moveTo(ports, other, 'queued')
  await moveTo(ports, named, 'queued')
  assert.deepEqual(sink.steps.slice(0, 2).sort(), ['snapshot failed 65', 'snapshot stored 25'])
  assert.deepEqual(sink.steps.slice(2), ['progress queued 40'])
  assert.deepEqual(parseCursor(following.cursor()), await ports.progress.head(ended.owner))
})

test('a reader without jobs has a place from which it misses nothing', async () => {
  const ports = createFakePorts()
  const sink = createSink()
  const following = await followOwner(ports, OWNER, undefined, undefined, sink)
  const cursor = parseCursor(following.cursor())
  following.stop()
  const { job } = await addFollowedJob(ports, 'stored')
  const later = createSink()
  await followOwner(ports, job.owner, undefined, cursor, later)
  assert.deepEqual(later.steps, ['progress stored 25'])
})

test('after a flush there is one gap, and how things stand: also of what ended meanwhile, and no end twice', async () => {
  const ports = createFakePorts()
  const { job: one } = await addFollowedJob(ports, 'analysing')
  const { job: two, cursor } = await addFollowedJob(ports, 'stored')
  const sink = createSink()
  await followOwner(ports, one.owner, undefined, cursor, sink)
  await moveTo(ports, two, 'queued')
  const completed = await moveTo(ports, one, 'completed')
  ports.progress.flush()
  await ports.jobs.advance([{ jobId: two.jobId, attempt: 1, to: 'cancelled' }])
  const { job: three } = await addFollowedJob(ports, 'stored')
  await setImmediate()
  await publishJobs(ports, [completed])
  await moveTo(ports, three, 'queued')
  await setImmediate()
  assert.deepEqual(sink.steps, [
    'progress queued 40',
    'completed completed 100',
    'gap',
    'snapshot cancelled 40',
    'snapshot stored 25',
    'progress queued 40',
  ])
})

test('a job that begins while the rows are read comes once', async () => {
  const ports = createFakePorts()
  const { job } = await addFollowedJob(ports, 'stored')
  const sink = createSink()
  const meanwhile = during(ports, 'head', () => addFollowedJob(ports, 'uploading'))
  await followOwner(meanwhile, job.owner, undefined, undefined, sink)
  await moveTo(ports, job, 'queued')
  assert.deepEqual(sink.steps.slice(0, 2).sort(), ['snapshot stored 25', 'snapshot uploading 0'])
  assert.deepEqual(sink.steps.slice(2), ['progress queued 40'])
})

test('a reader that stopped gets nothing more and leaves no listener', async () => {
  const ports = createFakePorts()
  const { job } = await addFollowedJob(ports, 'stored')
  const sink = createSink()
  const following = await followOwner(ports, job.owner, undefined, undefined, sink)
  following.stop()
  await moveTo(ports, job, 'queued')
  assert.deepEqual([sink.steps, sink.ends, ports.progress.listenerCount], [['snapshot stored 25'], 0, 0])
  assert.deepEqual(following.openJobs(), [])
})

test('who follows all that an owner is told gets notifications, live and from a cursor; who follows jobs does not', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'queued')
  const [all, named, one] = [createSink(), createSink(), createSink()]
  await followOwner(ports, OWNER, undefined, cursor, all)
  await followOwner(ports, OWNER, new Set([job.jobId]), cursor, named)
  const following = await followJob(ports, job, cursor, one)
  await ports.progress.notify(OWNER, { at: new Date(0), text: 'hello' })
  const [frame] = all.frames
  assert.deepEqual([frame?.event, frame?.data], ['notification', '{"at":"1970-01-01T00:00:00.000Z","text":"hello"}'])
  assert.deepEqual(parseCursor(frame?.id), await ports.progress.head(OWNER))
  const later = createSink()
  await followOwner(ports, OWNER, undefined, cursor, later)
  assert.deepEqual(later.frames, all.frames)
  assert.deepEqual([named.frames, one.frames, following.cursor()], [[], [], frame?.id])
})
