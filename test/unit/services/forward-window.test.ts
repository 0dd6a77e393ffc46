import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createForwardWindow } from '../../../src/services/forward-window.ts'
import { changeTo } from '../../contracts/job-store-suite.ts'
import { addJob, createFakePorts } from '../../support/fake-ports.ts'

const INTERVAL_MS = 250

/** A window of three, with a clock in the test's hand. */
function openWindow() {
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
  const window = createForwardWindow({ jobs }, { size: 3, forward, intervalMs: INTERVAL_MS, now: () => nowMs })
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
  assert.equal(await window.room(), 2)
  await window.send(await addJob(ports, 'queued'))
  assert.equal(await window.room(), 1)
  await window.send(await addJob(ports, 'queued'))
  assert.equal(await window.room(), 0)
  later()
  assert.equal(await window.room(), 0)
  await ports.jobs.advance([changeTo(other.jobId, 'completed')])
  later()
  assert.equal(await window.room(), 1)
})

test('what is just being sent when rows are counted takes room too', async () => {
  const ports = createFakePorts()
  const sent = Promise.withResolvers<void>()
  const window = createForwardWindow(ports, { size: 3, forward: () => sent.promise, intervalMs: 0 })
  const sends = [window.send(await addJob(ports, 'queued')), window.send(await addJob(ports, 'queued'))]
  assert.equal(await window.room(), 1)
  sent.resolve()
  await Promise.all(sends)
  assert.equal(await window.room(), 3)
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
  assert.equal(await window.room(), 0)
  ports.jobs.setDown(true)
  later()
  await assert.rejects(window.room(), { code: 'database-unavailable' })
})
