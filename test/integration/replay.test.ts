import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { createClient } from '../../src/client/tonewire.ts'
import { formatCursor } from '../../src/domain/cursor.ts'
import { eventsOf } from '../contracts/progress-log.ts'
import { openEvents } from '../support/events.ts'
import { openTestPlaces, startTestSystem, TEST_KEY } from '../support/system.ts'

const { places, env } = await openTestPlaces()
const system = await startTestSystem(['api'], places, env)
const STEPS = [
  ['uploading', 0],
  ['stored', 25],
  ['queued', 40],
  ['forwarded', 60],
  ['analysing', 65],
  ['completed', 100],
] as const

test('a client that comes back from 1,800 events ago gets each of them, on one connection', async () => {
  const { progress } = system.ports
  const from = await progress.head('acme')
  const jobs = Array.from({ length: 300 }, () => eventsOf({ jobId: randomUUID() }))
  for (const [status, percentage] of STEPS) {
    const events = jobs.map((at) => {
      const { data, ...event } = at(status, percentage)
      return { ...event, data: `${data.slice(0, -1)},"padding":"${'x'.repeat(300)}"}` }
    })
    await progress.publish(events.map((event) => ({ event, seed: event })))
  }
  const { epoch, seq: last } = await progress.head('acme')
  assert.equal(last - from.seq, 1800)
  const stream = await openEvents(`${system.url}/v1/events`, TEST_KEY, { 'last-event-id': formatCursor(from) })
  await stream.waitFor(({ id }) => id?.startsWith(`${epoch}.${last}.`) ?? false)
  assert.deepEqual(
    stream.events.map(({ id }) => Number(id?.split('.')[1])),
    Array.from({ length: 1800 }, (_, i) => from.seq + 1 + i),
  )
  assert.ok(stream.text().length > 3 * 256 * 1024)
  stream.close()
})

test('a notification reaches a stream and the typed client, which gets it again from a cursor before it', async () => {
  const { progress } = system.ports
  const from = formatCursor(await progress.head('acme'))
  const stream = await openEvents(`${system.url}/v1/events`, TEST_KEY, { 'last-event-id': from })
  const at = new Date('2026-11-21T10:00:02.000Z')
  await progress.notify('acme', { at, report_id: 'r1' })
  const { id, data } = await stream.waitFor(({ event }) => event === 'notification')
  const expected = { at: at.toISOString(), report_id: 'r1' }
  assert.deepEqual([id, data], [formatCursor(await progress.head('acme')), expected])
  stream.close()
  const client = createClient({ url: system.url, key: TEST_KEY })
  for await (const told of client.follow('all', { cursor: from })) {
    assert.deepEqual(told, { event: 'notification', id, data: expected })
    break
  }
})
