import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { checkHeads } from '../../../src/services/check-heads.ts'
import { followOwner } from '../../../src/services/follow-owner.ts'
import type { Following } from '../../../src/services/follower.ts'
import { addFollowedJob, createDeafPorts, createSink, moveTo, report } from './followers.ts'

const OWNER = 'acme'
const readersOf = (...readers: Following[]) => new Map([[OWNER, readers]])

test('a live reader that missed what was published reads it, and each log is asked for its end once', async () => {
  const { ports, asked } = createDeafPorts()
  const { job, cursor } = await addFollowedJob(ports, 'queued')
  const sinks = [createSink(), createSink()]
  const readers = await Promise.all(sinks.map((sink) => followOwner(ports, OWNER, undefined, cursor, sink)))
  asked.isDeaf = true
  await moveTo(ports, job, 'forwarded')
  asked.heads = 0
  await checkHeads(ports, readersOf(...readers))
  await setImmediate()
  for (const { steps } of sinks) assert.deepEqual(steps, ['progress forwarded 60'])
  assert.equal(asked.heads, 1)
})

test('a reader that is at the end of its log, or has heard more since, reads nothing', async () => {
  const { ports, asked } = createDeafPorts()
  const { job, cursor } = await addFollowedJob(ports, 'analysing')
  const sink = createSink()
  const reader = await followOwner(ports, OWNER, undefined, cursor, sink)
  const before = asked.reads
  await checkHeads(ports, readersOf(reader))
  await report(ports, job, 70)
  reader.checkHead(cursor)
  await setImmediate()
  assert.deepEqual([sink.steps, asked.reads], [['progress analysing 70'], before])
})

test('a reader of a log that lost its end, and gave it out again, finds out though nothing comes', async () => {
  const { ports, asked } = createDeafPorts()
  await addFollowedJob(ports, 'queued')
  const promote = ports.progress.remember()
  const { cursor } = await addFollowedJob(ports, 'stored')
  const sink = createSink()
  const reader = await followOwner(ports, OWNER, undefined, cursor, sink)
  promote()
  asked.isDeaf = true
  await addFollowedJob(ports, 'queued')
  await checkHeads(ports, readersOf(reader))
  await setImmediate()
  assert.equal(sink.frames[0]?.event, 'gap')
})

test('a reader that has stopped, or whose client is behind, is left alone, and so is a log that is away', async () => {
  const { ports, asked } = createDeafPorts()
  const { job, cursor } = await addFollowedJob(ports, 'queued')
  let isBehind = false
  const slow = { ...createSink(), ready: () => (isBehind ? new Promise<void>(() => {}) : undefined) }
  const behind = await followOwner(ports, OWNER, undefined, cursor, slow)
  const stopped = await followOwner(ports, OWNER, undefined, cursor, createSink())
  asked.isDeaf = true
  isBehind = true
  stopped.stop()
  await moveTo(ports, job, 'forwarded')
  const before = asked.reads
  await checkHeads(ports, readersOf(behind, stopped))
  ports.progress.setDown(true)
  await checkHeads(ports, readersOf(behind, stopped))
  assert.equal(asked.reads, before)
})
