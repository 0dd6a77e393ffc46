import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { parseCursor } from '../../../src/domain/cursor.ts'
import type { Frame } from '../../../src/domain/event-reader.ts'
import { followOwner } from '../../../src/services/follow-owner.ts'
import type { Following } from '../../../src/services/follower.ts'
import { createFakePorts } from '../../support/fake-ports.ts'
import { addFollowedJob, createSink, moveTo, report } from './followers.ts'

const OWNER = 'acme'

/** Takes so many frames at a time, and counts those sent while it has not taken what was sent before. */
function createSlowSink(mostAtOnce: number) {
  const sink = createSink()
  let untaken = 0
  let waiting: PromiseWithResolvers<void> | undefined
  let asked = Promise.withResolvers<void>()
  const slow = {
    frames: sink.frames,
    end: sink.end,
    get steps() {
      return sink.steps
    },
    mostUntaken: 0,
    following: undefined as Following | undefined,
    follow: (following: Following) => {
      slow.following = following
    },
    send: (frame: Frame) => {
      sink.send(frame)
      untaken += 1
      slow.mostUntaken = Math.max(slow.mostUntaken, untaken)
    },
    ready: () => {
      if (untaken < mostAtOnce) return undefined
      waiting ??= Promise.withResolvers()
      asked.resolve()
      return waiting.promise
    },
    /** Resolves when it is waited for. */
    asked: () => asked.promise.then(() => false),
    take: () => {
      untaken = 0
      waiting?.resolve()
      waiting = undefined
      asked = Promise.withResolvers()
    },
  }
  return slow
}

/** Ports whose log counts how often it is read. */
function createCountedPorts() {
  const ports = createFakePorts()
  const { read } = ports.progress
  const counted = { reads: 0 }
  const progress = {
    ...ports.progress,
    read: (...given: Parameters<typeof read>) => {
      counted.reads += 1
      return read(...given)
    },
  }
  return { ports, counted, slowly: { ...ports, progress } }
}

async function addLongLog(ports: ReturnType<typeof createFakePorts>, percentages: number) {
  const { job } = await addFollowedJob(ports, 'analysing')
  for (let i = 1; i <= percentages; i += 1) await report(ports, job, 65 + i / 100)
  const { epoch } = await ports.progress.head(OWNER)
  return { job, cursor: { epoch, seq: 0 } }
}

test('a reader from far behind gets everything once and in order, and never more than its client takes', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addLongLog(ports, 450)
  const sink = createSlowSink(30)
  const begun = followOwner(ports, OWNER, undefined, cursor, sink)
  const done = begun.then(() => true)
  for (let isDone = false; !isDone; ) {
    isDone = await Promise.race([done, sink.asked()])
    // What comes while the client is waited for is not lost, and not told before its turn.
    if (sink.frames.length === 60) await report(ports, job, 90)
    sink.take()
  }
  assert.equal(sink.mostUntaken, 30)
  assert.deepEqual(
    sink.frames.map(({ id }) => parseCursor(id)?.seq),
    Array.from({ length: 452 }, (_, i) => i + 1),
  )
  await moveTo(ports, job, 'completed')
  assert.equal(sink.steps.at(-1), 'completed completed 100')
})

test('of a client that does not take what it has nothing is read, however much there is to hear', async () => {
  const { ports, counted, slowly } = createCountedPorts()
  const { job, cursor } = await addLongLog(ports, 300)
  const sink = createSlowSink(30)
  const begun = followOwner(slowly, OWNER, undefined, cursor, sink)
  await sink.asked()
  await setImmediate()
  for (let i = 1; i <= 300; i += 1) await report(ports, job, 80 + i / 100)
  await setImmediate()
  assert.deepEqual([counted.reads, sink.frames.length], [1, 30])
  sink.following?.stop()
  sink.take()
  await begun
  assert.deepEqual([counted.reads, sink.frames.length, ports.progress.listenerCount], [1, 30, 0])
})

test('a live reader that missed much while the log was away catches up as its client takes it', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'analysing')
  const sink = createSlowSink(40)
  const { subscribe } = ports.progress
  let away = false
  const deaf: typeof subscribe = (owner, listener) =>
    subscribe(owner, { ...listener, onEntry: (entry) => (away ? undefined : listener.onEntry(entry)) })
  await followOwner({ ...ports, progress: { ...ports.progress, subscribe: deaf } }, OWNER, undefined, cursor, sink)
  away = true
  for (let i = 1; i <= 250; i += 1) await report(ports, job, 65 + i / 100)
  away = false
  ports.progress.interrupt()
  while (sink.frames.length < 250) {
    await setImmediate()
    sink.take()
  }
  assert.equal(sink.mostUntaken, 40)
  await moveTo(ports, job, 'completed')
  assert.equal(sink.frames.length, 251)
  assert.equal(sink.steps.at(-1), 'completed completed 100')
})

test('many snapshots come as the client takes them, each once, and then what came meanwhile', async () => {
  const ports = createFakePorts()
  const jobs = []
  for (let i = 0; i < 50; i += 1) jobs.push((await addFollowedJob(ports, 'queued')).job)
  const sink = createSlowSink(20)
  const done = followOwner(ports, OWNER, undefined, undefined, sink).then(() => true)
  await sink.asked()
  const [first, last] = [jobs[0]!, jobs.at(-1)!]
  await moveTo(ports, first, 'completed')
  await moveTo(ports, last, 'forwarded')
  const { job: short } = await addFollowedJob(ports, 'stored')
  await moveTo(ports, short, 'completed')
  for (let isDone = false; !isDone; ) {
    sink.take()
    isDone = await Promise.race([done, sink.asked()])
  }
  assert.ok(sink.mostUntaken <= 20)
  const stepsOf = (jobId: string) => sink.steps.filter((_, i) => JSON.parse(sink.frames[i]!.data).job_id === jobId)
  for (const { jobId } of jobs.slice(1, -1)) assert.deepEqual(stepsOf(jobId), ['snapshot queued 40'])
  const told = [first, last, short].map(({ jobId }) => stepsOf(jobId))
  assert.deepEqual(told, [
    ['snapshot queued 40', 'snapshot completed 100'],
    ['snapshot forwarded 60'],
    ['progress stored 25', 'completed completed 100'],
  ])
})
