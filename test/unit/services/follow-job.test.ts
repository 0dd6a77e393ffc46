import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { type Cursor, parseCursor } from '../../../src/domain/cursor.ts'
import type { LogListener } from '../../../src/ports.ts'
import { followJob } from '../../../src/services/follow-job.ts'
import { createFakePorts } from '../../support/fake-ports.ts'
import { addFollowedJob, createSink, during, moveTo, report } from './followers.ts'

test('without a cursor a reader gets the row’s snapshot, then what follows', async () => {
  const ports = createFakePorts()
  const { job } = await addFollowedJob(ports, 'stored')
  const sink = createSink()
  await followJob(ports, job, undefined, sink)
  await moveTo(ports, job, 'queued')
  assert.deepEqual(sink.steps, ['snapshot stored 25', 'progress queued 40'])
})

test('with a cursor a reader gets what came after it, and no snapshot', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'stored')
  await moveTo(ports, job, 'queued')
  const sink = createSink()
  await followJob(ports, job, cursor, sink)
  await moveTo(ports, job, 'forwarded')
  assert.deepEqual(sink.steps, ['progress queued 40', 'progress forwarded 60'])
})

test('each frame’s id is a cursor after which nothing is missing and nothing comes twice', async () => {
  const ports = createFakePorts()
  const { job } = await addFollowedJob(ports, 'stored')
  const sink = createSink()
  await followJob(ports, job, undefined, sink)
  for (const status of ['queued', 'forwarded', 'completed'] as const) await moveTo(ports, job, status)
  for (const [index, { id }] of sink.frames.slice(0, -1).entries()) {
    const later = createSink()
    await followJob(ports, job, parseCursor(id), later)
    assert.deepEqual([later.frames, later.ends], [sink.frames.slice(index + 1), 1])
  }
})

test('entries that arrive while the log is read come once and in order', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'stored')
  await moveTo(ports, job, 'queued')
  const sink = createSink()
  const meanwhile = during(ports, 'read', async () => {
    await moveTo(ports, job, 'forwarded')
    await moveTo(ports, job, 'analysing')
  })
  await followJob(meanwhile, job, cursor, sink)
  await report(ports, { ...job, status: 'analysing' }, 80)
  assert.deepEqual(sink.steps, [
    'progress queued 40',
    'progress forwarded 60',
    'progress analysing 65',
    'progress analysing 80',
  ])
})

test('an entry that arrives between the subscription and the read comes once', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'stored')
  const sink = createSink()
  const subscribe: typeof ports.progress.subscribe = async (owner, listener) => {
    const unsubscribe = await ports.progress.subscribe(owner, listener)
    await moveTo(ports, job, 'queued')
    return unsubscribe
  }
  await followJob({ ...ports, progress: { ...ports.progress, subscribe } }, job, cursor, sink)
  await moveTo(ports, job, 'forwarded')
  assert.deepEqual(sink.steps, ['progress queued 40', 'progress forwarded 60'])
})

test('entries that arrive before the row is read are in the snapshot and do not come again', async () => {
  const ports = createFakePorts()
  const { job } = await addFollowedJob(ports, 'stored')
  const sink = createSink()
  const meanwhile = during(ports, 'head', async () => {
    await moveTo(ports, job, 'queued')
    await moveTo(ports, job, 'forwarded')
  })
  await followJob(meanwhile, job, undefined, sink)
  await moveTo(ports, job, 'analysing')
  assert.deepEqual(sink.steps, ['snapshot forwarded 60', 'progress analysing 65'])
})

test('an interruption during the first catch-up gives no second snapshot and nothing backwards', async () => {
  const ports = createFakePorts()
  const { job } = await addFollowedJob(ports, 'stored')
  const sink = createSink()
  const meanwhile = during(ports, 'head', async () => {
    await moveTo(ports, job, 'queued')
    ports.progress.interrupt()
  })
  await followJob(meanwhile, job, undefined, sink)
  await setImmediate()
  await moveTo(ports, job, 'forwarded')
  assert.deepEqual(sink.steps, ['snapshot queued 40', 'progress forwarded 60'])
})

test('interruptions while live lose nothing and repeat nothing', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'stored')
  const sink = createSink()
  await followJob(ports, job, cursor, sink)
  ports.progress.interrupt()
  await moveTo(ports, job, 'queued')
  ports.progress.interrupt()
  ports.progress.interrupt()
  await setImmediate()
  await moveTo(ports, job, 'forwarded')
  await setImmediate()
  assert.deepEqual(sink.steps, ['progress queued 40', 'progress forwarded 60'])
})

test('an entry that was not heard is read from the log before the one after it', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'stored')
  let deaf = true
  const subscribe: typeof ports.progress.subscribe = (owner, listener) => {
    const half: LogListener = { ...listener, onEntry: (entry) => (deaf ? undefined : listener.onEntry(entry)) }
    return ports.progress.subscribe(owner, half)
  }
  const sink = createSink()
  await followJob({ ...ports, progress: { ...ports.progress, subscribe } }, job, cursor, sink)
  await moveTo(ports, job, 'queued')
  deaf = false
  await moveTo(ports, job, 'forwarded')
  await setImmediate()
  assert.deepEqual(sink.steps, ['progress queued 40', 'progress forwarded 60'])
})

test('after a flush a reader gets one gap and the row’s snapshot where it is ahead, never a status again', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'stored')
  const sink = createSink()
  await followJob(ports, job, cursor, sink)
  await moveTo(ports, job, 'queued')
  ports.progress.flush()
  await moveTo(ports, job, 'forwarded')
  await setImmediate()
  await moveTo(ports, job, 'completed')
  assert.deepEqual(sink.steps, ['progress queued 40', 'gap', 'snapshot forwarded 60', 'completed completed 100'])
  assert.equal(sink.frames[1]?.id, undefined)
})

for (const told of [1, 2, 3, 4]) {
  test(`a live reader whose log lost its last two entries unnoticed gets a gap and how things stand, ${told} events on`, async () => {
    const ports = createFakePorts()
    const { job, cursor } = await addFollowedJob(ports, 'analysing')
    const sink = createSink()
    await followJob(ports, job, cursor, sink)
    await report(ports, job, 70)
    const promote = ports.progress.remember()
    await report(ports, job, 80)
    await report(ports, job, 90)
    promote()
    for (let i = 1; i <= told; i += 1) await report(ports, job, 90 + i)
    await setImmediate()
    assert.deepEqual(sink.steps.slice(0, 4), [70, 80, 90].map((n) => `progress analysing ${n}`).concat('gap'))
    assert.equal(sink.steps[4], 'snapshot analysing 65')
    await report(ports, job, 98)
    assert.equal(sink.steps.at(-1), 'progress analysing 98')
  })
}

for (const [what, cursorOf] of [
  ['of another epoch', ({ seq }: Cursor) => ({ epoch: 'another', seq })],
  ['beyond the log’s end', ({ epoch, seq }: Cursor) => ({ epoch, seq: seq + 5 })],
] as const) {
  test(`a cursor ${what} gives one gap, then the snapshot`, async () => {
    const ports = createFakePorts()
    const { job, cursor } = await addFollowedJob(ports, 'queued')
    const sink = createSink()
    await followJob(ports, job, cursorOf(cursor), sink)
    assert.deepEqual(sink.steps, ['gap', 'snapshot queued 40'])
    assert.deepEqual(parseCursor(sink.frames[1]?.id), cursor)
  })
}

test('a reader gets nothing of other jobs, but its cursor passes them', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'queued')
  const sink = createSink()
  const following = await followJob(ports, job, cursor, sink)
  await addFollowedJob(ports, 'stored')
  assert.deepEqual(sink.frames, [])
  assert.deepEqual(parseCursor(following.cursor()), await ports.progress.head(job.owner))
})
