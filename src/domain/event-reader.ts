/**
 * What one reader of one job has been sent, and what it is to be sent next. Entries pass in the order of the log;
 * a job's steps by attempt, rank and progress, each at most once.
 */
import { formatCursor, type LogPosition } from './cursor.ts'
import { isTerminal, type Job, type JobStatus, rankOf } from './job.ts'
import { eventNameOf, type ProgressEvent, toProgressEvent } from './progress-event.ts'

export interface Frame {
  readonly event: string
  readonly id?: string
  readonly data: string
}

export interface Reader {
  readonly jobId: string
  /** The last position passed; undefined before the first. */
  position: LogPosition | undefined
  seen: { attempt: number; rank: number; progress: number }
  /** True once the terminal event or snapshot was made. */
  finished: boolean
}

export function createReader(jobId: string, start: LogPosition | undefined): Reader {
  const position = start && { epoch: start.epoch, seq: start.seq }
  return { jobId, position, seen: { attempt: -1, rank: -1, progress: -1 }, finished: false }
}

/** Where an entry stands to a reader: `next` in line, `old` (passed already), or `ahead` (something was missed). */
export function standingOf({ position }: Reader, entry: LogPosition): 'next' | 'old' | 'ahead' {
  if (position?.epoch !== entry.epoch) return 'ahead'
  if (entry.seq <= position.seq) return 'old'
  return entry.seq === position.seq + 1 ? 'next' : 'ahead'
}

/** Moves the reader past an entry; the frame to send, if the entry is a step of its job that it has not seen. */
export function passEntry(
  reader: Reader,
  entry: LogPosition & { event: Omit<ProgressEvent, 'owner'> },
): Frame | undefined {
  const { epoch, seq, event } = entry
  reader.position = { epoch, seq }
  if (event.jobId !== reader.jobId || reader.finished || !isAhead(reader, event)) return undefined
  take(reader, event)
  return { event: eventNameOf(event.status), id: idOf(reader), data: event.data }
}

/** The frame of the row as it is, read after the log was at `head`; none when the reader has seen as much. */
export function passSnapshot(reader: Reader, row: Job, head: LogPosition): Frame | undefined {
  reader.position = head
  if (reader.finished || !isAhead(reader, row)) return undefined
  take(reader, row)
  return { event: 'snapshot', id: idOf(reader), data: toProgressEvent(row).data }
}

/** The frame that says something is lost; after it the percentage, never the rank, may be lower. */
export function passGap(reader: Reader, at: Date): Frame {
  reader.seen = { ...reader.seen, progress: -1 }
  return { event: 'gap', data: JSON.stringify({ at: at.toISOString() }) }
}

interface Step {
  readonly attempt: number
  readonly status: JobStatus
  readonly progress: number
}

function take(reader: Reader, step: Step): void {
  reader.seen = { attempt: step.attempt, rank: rankOf(step.status), progress: step.progress }
  reader.finished = isTerminal(step.status)
}

function isAhead({ seen }: Reader, step: Step): boolean {
  if (step.attempt !== seen.attempt) return step.attempt > seen.attempt
  const rank = rankOf(step.status)
  return rank === seen.rank ? step.progress > seen.progress : rank > seen.rank
}

function idOf({ position, jobId, seen, finished }: Reader): string {
  const at = position ?? { epoch: '0', seq: 0 }
  return formatCursor(finished ? { ...at, end: { jobId, attempt: seen.attempt } } : at)
}
