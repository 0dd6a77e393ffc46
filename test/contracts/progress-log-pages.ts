import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogPosition } from '../../src/domain/cursor.ts'
import type { JobStatus } from '../../src/domain/job.ts'
import type { ProgressEvent } from '../../src/domain/progress-event.ts'
import type { LogEntry, LogSlice, ProgressLog } from '../../src/ports.ts'

type EventsOf = () => (status: JobStatus, progress: number) => ProgressEvent

/** All that came after a position, page by page. */
export async function readLog(log: Pick<ProgressLog, 'read'>, owner: string, after: LogPosition): Promise<LogSlice> {
  const entries: LogEntry[] = []
  for (let position = after; ; position = entries.at(-1) ?? after) {
    const page = await log.read(owner, position)
    entries.push(...page.entries)
    if (!page.complete) return { ...page, entries: [] }
    if ((entries.at(-1) ?? after).seq >= page.head.seq) return { ...page, entries }
  }
}

/** What every progress log promises to who reads after a position; `maxEntries` is 200 in it. */
export function describePages(log: () => ProgressLog, eventsOf: EventsOf): void {
  test('reading after a position brings exactly what came later', async () => {
    const at = eventsOf()
    const seed = at('uploading', 0)
    await log().publish([{ event: seed, seed }])
    const middle = await log().head('acme')
    assert.deepEqual(await log().read('acme', middle), { head: middle, complete: true, entries: [] })
    await log().publish([{ event: at('stored', 25) }])
    const slice = await log().read('acme', middle)
    assert.deepEqual(
      slice.entries.map(({ seq, event }) => [seq, event.status]),
      [[2, 'stored']],
    )
  })

  test('a position of another epoch, or from the future, is a gap', async () => {
    const head = await log().head('acme')
    for (const position of [
      { epoch: 'other', seq: 0 },
      { epoch: head.epoch, seq: 7 },
    ]) {
      assert.deepEqual(await log().read('acme', position), { head, complete: false, entries: [] })
    }
  })

  test('a position whose followers are no longer kept is a gap, a later one is not', async () => {
    const at = eventsOf()
    const seed = at('uploading', 0)
    const steps = Array.from({ length: 900 }, (_, i) => ({ event: at('analysing', 65 + i / 100) }))
    await log().publish([{ event: seed, seed }, ...steps])
    const head = await log().head('acme')
    assert.equal(head.seq, 901)
    assert.equal((await log().read('acme', { epoch: head.epoch, seq: 0 })).complete, false)
    const slice = await readLog(log(), 'acme', { epoch: head.epoch, seq: 800 })
    assert.equal(slice.complete, true)
    assert.deepEqual(
      slice.entries.map(({ seq }) => seq),
      Array.from({ length: 101 }, (_, i) => 801 + i),
    )
  })

  test('a log is read a page at a time, each complete and from where the one before ended', async () => {
    const at = eventsOf()
    const seed = at('analysing', 65)
    const steps = Array.from({ length: 150 }, (_, i) => ({ event: at('analysing', 66 + i / 10) }))
    await log().publish([{ event: seed, seed }, ...steps])
    const head = await log().head('acme')
    const page = await log().read('acme', { epoch: head.epoch, seq: 0 })
    assert.deepEqual([page.complete, page.entries.length, page.head], [true, 100, head])
    const rest = await log().read('acme', { epoch: head.epoch, seq: 100 })
    assert.deepEqual([rest.complete, rest.entries.length, rest.head], [true, 51, head])
    assert.deepEqual(
      [...page.entries, ...rest.entries].map(({ seq }) => seq),
      Array.from({ length: 151 }, (_, i) => i + 1),
    )
  })
}
