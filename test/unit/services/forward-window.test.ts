import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createForwardWindow } from '../../../src/services/forward-window.ts'
import { changeTo } from '../../contracts/job-store-suite.ts'
import { addJob, createFakePorts } from '../../support/fake-ports.ts'

const INTERVAL_MS = 250

/** A window of three, with a clock in the test's hand. */
function openWindow(perOwner = 3) {
  const ports = createFakePorts()
  let nowMs = 0
  let counts = 0
  const jobs = {
    ...ports.jobs,
    countInFlight: (limit: number) => {
      counts += 1
      return ports.jobs.countInFlight(limit)
    },
  }
  const forward = async ({ jobId }: { jobId: string }) =>
    void (await ports.jobs.advance([changeTo(jobId, 'forwarded')]))
  const options = { size: 3, perOwner, forward, intervalMs: INTERVAL_MS, now: () => nowMs }
  const window = createForwardWindow({ jobs }, options)
  return {
    ports,
    window,
    later: () => {
      nowMs += INTERVAL_MS
    },
    counts: () => counts,
  }
}

test('what is unfinished in SQS, and what was sent since it was counted, takes room', async () => {
  const { ports, window, later } = openWindow()
  const other = await addJob(ports, 'analysing')
  assert.equal((await window.room()).places, 2)
  await window.send(await addJob(ports, 'queued'))
  assert.equal((await window.room()).places, 1)
  await window.send(await addJob(ports, 'queued'))
  assert.equal((await window.room()).places, 0)
  later()
  assert.equal((await window.room()).places, 0)
  await ports.jobs.advance([changeTo(other.jobId, 'completed')])
  later()
  assert.equal((await window.room()).places, 1)
})

test('what is just being sent when rows are counted takes room too', async () => {
  const ports = createFakePorts()
  const sent = Promise.withResolvers<void>()
  const window = createForwardWindow(ports, { size: 3, perOwner: 2, forward: () => sent.promise, intervalMs: 0 })
  const sends = [window.send(await addJob(ports, 'queued')), window.send(await addJob(ports, 'queued'))]
  assert.equal((await window.room()).places, 1)
  sent.resolve()
  await Promise.all(sends)
  assert.equal((await window.room()).places, 3)
})

test('one owner has no more places than its share, and the others the rest', async () => {
  const { ports, window, later } = openWindow(2)
  await addJob(ports, 'analysing')
  const placesOf = async () => {
    const room = await window.room()
    return ['acme', 'quiet'].map((owner) => room.placesOf(owner))
  }
  assert.deepEqual(await placesOf(), [1, 2])
  const before = await window.room()
  await window.send(await addJob(ports, 'queued'))
  assert.deepEqual(await placesOf(), [0, 2])
  assert.equal(before.placesOf('acme'), 1, 'an answer stays as it was given')
  later()
  assert.deepEqual(await placesOf(), [0, 2])
  await window.send(await addJob(ports, 'queued', { owner: 'quiet' }))
  later()
  assert.deepEqual([(await window.room()).places, await placesOf()], [0, [0, 1]])
})

test('rows are counted once per interval, however often the room is asked', async () => {
  const { window, later, counts } = openWindow()
  await Promise.all(Array.from({ length: 20 }, () => window.room()))
  assert.equal(counts(), 1)
  later()
  await window.room()
  assert.equal(counts(), 2)
})

test('more in SQS than the window holds is no room, and an outage is told', async () => {
  const { ports, window, later } = openWindow()
  for (let more = 0; more < 5; more += 1) await addJob(ports, 'forwarded')
  assert.equal((await window.room()).places, 0)
  ports.jobs.setDown(true)
  later()
  await assert.rejects(window.room(), { code: 'database-unavailable' })
})
