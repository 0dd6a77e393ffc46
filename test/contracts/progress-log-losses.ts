import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JobStatus } from '../../src/domain/job.ts'
import type { ProgressEvent } from '../../src/domain/progress-event.ts'
import type { LogEntry } from '../../src/ports.ts'
import { createArrivals } from './arrivals.ts'
import type { OpenProgressLog } from './progress-log.ts'

type EventsOf = () => (status: JobStatus, progress: number) => ProgressEvent

/** What every progress log promises when its last writes are lost: a replica that lagged was promoted. */
export function describeLosses(opened: () => OpenProgressLog, eventsOf: EventsOf): void {
  /** A log of which the last two of three entries were lost, and as many others came in their place. */
  async function loseTwo() {
    const { log, remember } = opened()
    const [lost, others] = [eventsOf(), eventsOf()]
    const first = lost('uploading', 0)
    await log.publish([{ event: first, seed: first }])
    const kept = await log.head('acme')
    const promote = await remember()
    await log.publish([{ event: lost('stored', 25) }])
    const second = await log.head('acme')
    await log.publish([{ event: lost('queued', 40) }])
    const third = await log.head('acme')
    await promote()
    const seed = others('uploading', 0)
    await log.publish([{ event: seed, seed }, { event: others('stored', 25) }])
    return { log, kept, second, third }
  }

  test('a position that was given out again is a gap to who had it first, behind the end, at it and before it', async () => {
    const { log, kept, second, third } = await loseTwo()
    const head = await log.head('acme')
    assert.deepEqual([head.epoch, head.seq], [third.epoch, third.seq])
    assert.deepEqual(await log.read('acme', third), { head, complete: false, entries: [] })
    assert.deepEqual(await log.read('acme', second), { head, complete: false, entries: [] })
    const { complete, entries } = await log.read('acme', kept)
    assert.deepEqual([complete, entries.map(({ event }) => event.status)], [true, ['uploading', 'stored']])
    assert.equal((await log.read('acme', entries[0]!)).complete, true)
  })

  test('what is heard says which entry it follows, so that a position given out again cannot pass for the next', async () => {
    const heard = createArrivals<LogEntry>()
    const end = await opened().log.subscribe('acme', { onEntry: heard.add, onInterrupted: () => {} })
    await loseTwo()
    const [first, second, third, secondAgain, thirdAgain] = await heard.until(5)
    assert.deepEqual([secondAgain?.seq, thirdAgain?.seq], [second?.seq, third?.seq])
    assert.deepEqual([second?.follows, secondAgain?.follows], [first?.mark, first?.mark])
    assert.deepEqual([third?.follows, thirdAgain?.follows], [second?.mark, secondAgain?.mark])
    assert.notEqual(second?.mark, secondAgain?.mark)
    end()
  })
}
