/**
 * Notes of hops, gathered: a job makes eight or so on its way, and must not cost a statement each.
 *
 *   noted                               → kept in memory, at most `maxKept`; what finds no room is dropped and counted
 *   500 kept, or 200 ms after the first → one INSERT; one at a time
 *   database away                       → kept, tried again every second; a batch written twice adds nothing
 *   closed                              → written once more; what cannot be is counted
 *
 * `at` is the database's time of the hop itself, not of the INSERT: a note may have waited through an outage.
 */
import { randomInt } from 'node:crypto'
import { toAppError } from '../domain/errors.ts'
import { isUuid } from '../domain/ids.ts'
import type { TimelineEntry } from '../domain/timeline.ts'
import type { Timeline } from '../ports/timeline.ts'
import type { Log, Metrics } from '../ports.ts'
import type { Database } from './database.ts'
import { fitText } from './job-rows.ts'
import { createNoteBuffer, type Written } from './note-buffer.ts'
import { createServerClock, type ServerClock } from './server-clock.ts'
import {
  deleteOldTimelineRows,
  insertTimelineRows,
  type NewTimelineRow,
  readServerClock,
  readTimelineRows,
} from './timeline-rows.ts'

export interface TimelineOptions {
  readonly db: Database
  /** Who notes: role, host and process. */
  readonly worker: string
  readonly metrics: Pick<Metrics, 'count'>
  readonly log: Pick<Log, 'debug' | 'warn' | 'error'>
  /** Notes held at most, about 300 bytes each. Default 20,000. */
  readonly maxKept?: number
}

/** One note; its time is fixed when it is first written, so that a repeat is the same row. */
interface Note {
  readonly row: Omit<NewTimelineRow, 'at'>
  readonly atMs: number
  at?: Date
}

const MAX_DETAIL_BYTES = 200
const MAX_ID_BYTES = 128
const MAX_INTEGER = 2 ** 31 - 1

export function createTimeline(options: TimelineOptions): Timeline & { close(): Promise<void> } {
  const { db, worker, metrics, log, maxKept = 20_000 } = options
  const clock = createServerClock()
  // Two processes never make the same: 2^21 beginnings, each with room for 2^31 notes.
  let seq = randomInt(2 ** 21) * 2 ** 31

  async function tryWrite(batch: readonly Note[]): Promise<Written> {
    const outcome = await write(db, clock, batch).then(
      (): Written => 'written',
      (error: unknown): Written => {
        const isAway = toAppError(error).code === 'database-unavailable'
        if (isAway) log.debug({ notes: batch.length, err: error }, 'timeline not written yet')
        else log.error({ notes: batch.length, err: error }, 'timeline refused')
        return isAway ? 'away' : 'refused'
      },
    )
    if (outcome !== 'away') metrics.count('timeline', { outcome }, batch.length)
    return outcome
  }

  const notes = createNoteBuffer<Note>({ maxKept, write: tryWrite })
  return {
    note(entry) {
      if (!isUuid(entry.jobId) || !isInteger(entry.attempt)) return
      seq += 1
      const kept = notes.add({ row: { ...toRow(entry), worker, seq }, atMs: entry.beganAtMs ?? performance.now() })
      if (!kept) metrics.count('timeline', { outcome: 'dropped' })
    },
    flush: () => notes.flush(),
    async read(jobId) {
      if (!isUuid(jobId)) return []
      if (notes.size > 0) await notes.flush()
      return readTimelineRows(db, jobId)
    },
    prune: (rules) => deleteOldTimelineRows(db, rules),
    async close() {
      const left = await notes.close()
      if (left === 0) return
      metrics.count('timeline', { outcome: 'dropped' }, left)
      log.warn({ notes: left }, 'timeline not written before the end')
    },
  }
}

async function write(db: Database, clock: ServerClock, batch: readonly Note[]): Promise<void> {
  const ask = async (question: () => Promise<number | undefined>): Promise<void> => {
    const sentMs = performance.now()
    const serverMs = await question()
    if (serverMs !== undefined) clock.learn(sentMs, serverMs, performance.now())
  }
  if (!clock.isKnown()) for (let look = 0; look < 2; look += 1) await ask(() => readServerClock(db))
  for (const each of batch) each.at ??= clock.at(each.atMs)
  const rows = batch.map(({ row, at = new Date() }) => ({ ...row, at }))
  await ask(async () => (await insertTimelineRows(db, rows))[0]?.serverMs)
}

/** As its columns take it: one odd text or number must not cost a batch. */
function toRow(entry: TimelineEntry): Omit<NewTimelineRow, 'at' | 'seq' | 'worker'> {
  const { jobId, attempt, hop, outcome, messageId, receiveCount = -1, detail } = entry
  return {
    ...{ jobId, attempt, hop, outcome },
    messageId: messageId === undefined ? null : fitText(messageId, MAX_ID_BYTES),
    receiveCount: isInteger(receiveCount) ? receiveCount : null,
    detail: detail === undefined ? null : fitText(detail, MAX_DETAIL_BYTES),
  }
}

function isInteger(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= MAX_INTEGER
}
