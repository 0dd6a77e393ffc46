import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JobStatus } from '../../src/domain/job.ts'
import type { ProgressEvent } from '../../src/domain/progress-event.ts'
import type { LogEntry, ProgressLog } from '../../src/ports.ts'
import { createArrivals } from './arrivals.ts'

type EventsOf = () => (status: JobStatus, progress: number) => ProgressEvent

/** What every progress log promises of words to an owner that are no job's. */
export function describeNotifying(log: () => ProgressLog, eventsOf: EventsOf): void {
  test('a notification has a place among the steps of jobs, is heard and read whole, and comes again when it is repeated', async () => {
    const heard = createArrivals<LogEntry>()
    const end = await log().subscribe('acme', { onEntry: heard.add, onInterrupted: () => {} })
    const step = eventsOf()('stored', 25)
    const at = new Date('2026-11-21T10:00:02.000Z')
    await log().publish([{ event: step, seed: step }])
    const position = await log().head('acme')
    for (let i = 0; i < 2; i += 1) await log().notify('acme', { at, text: 'ä notification\n"1" 2' })
    await log().publish([{ event: step }])
    const { complete, entries } = await log().read('acme', position)
    const data = '{"at":"2026-11-21T10:00:02.000Z","text":"ä notification\\n\\"1\\" 2"}'
    assert.deepEqual(
      [complete, entries.map(({ seq, event }) => [seq, event])],
      [true, [2, 3].map((seq) => [seq, { data }])],
    )
    await heard.until(3)
    assert.deepEqual(
      heard.items.slice(1).map(({ follows: _, ...entry }) => entry),
      entries,
    )
    assert.deepEqual((await log().head('other')).seq, 0)
    end()
  })

  test('a notification begins a log that there was not', async () => {
    await log().notify('acme', { at: new Date() })
    assert.equal((await log().head('acme')).seq, 1)
  })
}
