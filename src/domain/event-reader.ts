/**
 * What one reader has been sent, and what it is to be sent next: of one job until that ends, or of an owner's jobs for
 * as long as it reads. Entries pass in the order of the log; a job's steps by attempt, rank and progress, each at most
 * once.
 */
import { type Cursor, formatCursor, type LogPosition } from './cursor.ts'
import { isTerminal, type Job, type JobStatus, rankOf } from './job.ts'
import { eventNameOf, type NotificationEvent, type ProgressEvent, toProgressEvent } from './progress-event.ts'

export interface Frame {
  readonly event: string
  readonly id?: string
  readonly data: string
}

/** A frame to send, and the job of which it is but a newer percentage: only such a one may give way to the next. */
export interface Told {
  readonly frame: Frame
  readonly percentageOf?: string
}

/** One job, until this attempt or a later one has ended; or those of an owner: all, or these. */
export type Scope =
  | { readonly jobId: string; readonly attempt: number }
  | { readonly jobIds: ReadonlySet<string> | undefined }

export interface Reader {
  readonly scope: Scope
  /** The last position passed; undefined before the first, and after a gap. */
  position: LogPosition | undefined
  /** The last step of each job that has not ended. */
  readonly seen: Map<string, Seen>
  /** The attempts of the jobs that ended last: a log that begins afresh may tell of such an end again. */
  readonly ended: Map<string, number>
  /** True once the terminal event or snapshot of the one job was made. */
  finished: boolean
}

interface Seen {
  readonly attempt: number
  readonly rank: number
  readonly progress: number
}

interface Step {
  readonly jobId: string
  readonly attempt: number
  readonly status: JobStatus
  readonly progress: number
}

/** As many as a log that was lost is told anew of one owner; of an end before those its readers may hear twice. */
const ENDS_KEPT = 500

type Entry = LogPosition & { readonly event: Omit<ProgressEvent, 'owner'> | NotificationEvent }

export function createReader(scope: Scope, start: LogPosition | undefined): Reader {
  return { scope, position: start && positionOf(start), seen: new Map(), ended: new Map(), finished: false }
}

/**
 * Where an entry stands to a reader: `next` in line, `old` (passed already, unless the log gives positions out again),
 * or `ahead` (something was missed).
 */
export function standingOf(
  { position }: Reader,
  { epoch, seq, follows }: LogPosition & { readonly follows?: string },
): 'next' | 'old' | 'ahead' {
  if (position?.epoch !== epoch) return 'ahead'
  if (seq <= position.seq) return 'old'
  const isOfOurs = follows === undefined || position.mark === undefined || follows === position.mark
  return seq === position.seq + 1 && isOfOurs ? 'next' : 'ahead'
}

/** Whether the log has something, up to where it was seen to end, that this reader has not passed. */
export function isShortOf({ position }: Reader, { epoch, seq, mark }: LogPosition): boolean {
  if (position?.epoch !== epoch) return true
  const isOther = position.mark !== undefined && position.mark !== mark
  return position.seq === seq ? isOther : position.seq < seq
}

function positionOf({ epoch, seq, mark }: LogPosition): LogPosition {
  return mark === undefined ? { epoch, seq } : { epoch, seq, mark }
}

/**
 * Moves the reader past an entry; what to send, if the entry is a step of a job it reads that it has not seen, or a
 * notification and it reads all that its owner is told.
 */
export function passEntry(reader: Reader, entry: Entry): Told | undefined {
  const { event } = entry
  reader.position = positionOf(entry)
  if (event.jobId === undefined) return isOfAll(reader.scope) ? { frame: frameOf(entry) } : undefined
  if (reader.finished || !isWanted(reader.scope, event.jobId)) return undefined
  const seen = reader.seen.get(event.jobId)
  if (!isAhead(reader, event)) return undefined
  take(reader, event)
  const frame = frameOf(entry)
  const isStatus = seen?.attempt !== event.attempt || seen.rank !== rankOf(event.status)
  return isStatus ? { frame } : { frame, percentageOf: event.jobId }
}

/**
 * The frames of rows as they are, read after the log was at `head`, without those of which the reader has seen as much.
 * Only the last carries an id, and only behind it has the reader come to `head`: whoever leaves in between begins anew.
 */
export function* passSnapshots(reader: Reader, rows: readonly Job[], head: LogPosition): Generator<Frame> {
  const news = reader.finished ? [] : rows.filter((row) => isAhead(reader, row))
  for (const [index, row] of news.entries()) {
    take(reader, row)
    const { data } = toProgressEvent(row)
    yield { event: 'snapshot', ...(index === news.length - 1 ? { id: idOf(head, row) } : {}), data }
  }
  reader.position = head
}

/** The frame that says something is lost, the place too; after it the percentage, never the rank, may be lower. */
export function passGap(reader: Reader, at: Date): Frame {
  reader.position = undefined
  for (const [jobId, seen] of reader.seen) reader.seen.set(jobId, { ...seen, progress: -1 })
  return { event: 'gap', data: JSON.stringify({ at: at.toISOString() }) }
}

/** The jobs whose end the reader waits for: those it asked for by name, and those it has heard of. */
export function openJobsOf({ scope, seen, ended, finished }: Reader): string[] {
  if ('jobId' in scope) return finished ? [] : [scope.jobId]
  const named = [...(scope.jobIds ?? [])].filter((jobId) => !ended.has(jobId))
  return [...new Set([...named, ...seen.keys()])]
}

const frames = new WeakMap<Entry, Frame>()

/** The same for every reader, and made once for all who hear of the entry. */
function frameOf(entry: Entry): Frame {
  const known = frames.get(entry)
  if (known !== undefined) return known
  const { event } = entry
  const frame =
    event.jobId === undefined
      ? { event: 'notification', id: formatCursor(positionOf(entry)), data: event.data }
      : { event: eventNameOf(event.status), id: idOf(entry, event), data: event.data }
  frames.set(entry, frame)
  return frame
}

function idOf(position: LogPosition, { jobId, attempt, status }: Step): string {
  const cursor: Cursor = positionOf(position)
  return formatCursor(isTerminal(status) ? { ...cursor, end: { jobId, attempt } } : cursor)
}

function isOfAll(scope: Scope): boolean {
  return !('jobId' in scope) && scope.jobIds === undefined
}

function isWanted(scope: Scope, jobId: string): boolean {
  return 'jobId' in scope ? scope.jobId === jobId : (scope.jobIds?.has(jobId) ?? true)
}

function take(reader: Reader, { jobId, attempt, status, progress }: Step): void {
  const { seen, ended } = reader
  if (!isTerminal(status)) return void seen.set(jobId, { attempt, rank: rankOf(status), progress })
  seen.delete(jobId)
  ended.delete(jobId)
  ended.set(jobId, attempt)
  const [oldest] = ended.keys()
  if (oldest !== undefined && ended.size > ENDS_KEPT) ended.delete(oldest)
  if ('jobId' in reader.scope && attempt >= reader.scope.attempt) reader.finished = true
}

function isAhead({ seen, ended }: Reader, step: Step): boolean {
  const last = seen.get(step.jobId)
  if (last === undefined) return step.attempt > (ended.get(step.jobId) ?? Number.NEGATIVE_INFINITY)
  if (step.attempt !== last.attempt) return step.attempt > last.attempt
  const rank = rankOf(step.status)
  return rank === last.rank ? step.progress > last.progress : rank > last.rank
}
