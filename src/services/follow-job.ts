/**
 * One reader follows one job. The order of the steps leaves no gap: listen first, then read the log (or the row),
 * then deliver what was heard meanwhile, dropping what was delivered already.
 *
 *   usable cursor          → what came after it
 *   cursor no longer kept  → `gap`, then as without a cursor
 *   no cursor              → `snapshot` of the row, at the log's position from before the row was read
 *   an entry is missing    → the log is read again from the last position delivered
 *   the job has ended      → the end, after its last event
 */
import { type Cursor, formatCursor } from '../domain/cursor.ts'
import { AppError } from '../domain/errors.ts'
import { createReader, type Frame, passEntry, passGap, passSnapshot, standingOf } from '../domain/event-reader.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import type { LogEntry, Ports } from '../ports.ts'
import { publishJobs } from './publish-job.ts'

type FollowPorts = Pick<Ports, 'jobs' | 'progress' | 'metrics' | 'log'>

/** Where the frames go. `end` is called at most once, and nothing after it. */
export interface Sink {
  send(frame: Frame): void
  end(): void
}

export interface Following {
  /** The cursor a heartbeat carries: the last position passed. */
  cursor(): string | undefined
  stop(): void
}

/** True when this reader has seen how the job ended: nothing will ever come, and it must not ask again. */
export async function hasSeenTheEnd(ports: FollowPorts, job: Job, cursor: Cursor | undefined): Promise<boolean> {
  if (cursor === undefined || !isTerminal(job.status)) return false
  if (cursor.end?.jobId === job.jobId) return cursor.end.attempt >= job.attempt
  await publishJobs(ports, [job])
  const slice = await ports.progress.read(job.owner, cursor)
  return slice.complete && !slice.entries.some(({ event }) => event.jobId === job.jobId && isTerminal(event.status))
}

/** Starts following; throws `progress-unavailable` or `database-unavailable` when it cannot. */
export async function followJob(
  ports: FollowPorts,
  job: Pick<Job, 'owner' | 'jobId'>,
  cursor: Cursor | undefined,
  sink: Sink,
): Promise<Following> {
  const follower = createFollower(ports, job, cursor, sink)
  const unsubscribe = await ports.progress.subscribe(job.owner, follower)
  follower.onStop(unsubscribe)
  try {
    await follower.start()
  } catch (error) {
    follower.stop()
    throw error
  }
  return follower
}

function createFollower(
  ports: FollowPorts,
  { owner, jobId }: Pick<Job, 'owner' | 'jobId'>,
  cursor: Cursor | undefined,
  sink: Sink,
) {
  const reader = createReader(jobId, cursor)
  /** What is heard while the log is read; undefined while live. */
  let heard: LogEntry[] | undefined = []
  let catchingUp: Promise<void> = Promise.resolve()
  let stopped = false
  let unsubscribe = (): void => {}

  function stop(): void {
    stopped = true
    unsubscribe()
  }
  function send(frame: Frame | undefined): void {
    if (frame !== undefined && !stopped) sink.send(frame)
    if (!reader.finished || stopped) return
    stop()
    sink.end()
  }
  async function catchUp(): Promise<void> {
    do {
      heard = []
      await readOn(ports, owner, reader, send)
    } while (!stopped && !deliver(heard))
    heard = undefined
  }
  /** False when an entry in between is missing. */
  function deliver(entries: readonly LogEntry[]): boolean {
    return entries.every((entry) => {
      const standing = stopped ? 'old' : standingOf(reader, entry)
      if (standing === 'next') send(passEntry(reader, entry))
      return standing !== 'ahead'
    })
  }
  /** One at a time: two that read at once would each deliver what the other has. */
  function catchUpInTurn(): Promise<void> {
    heard ??= []
    const turn = catchingUp.then(() => (stopped ? undefined : catchUp()))
    catchingUp = turn.catch(() => {})
    return turn
  }
  function onInterrupted(): void {
    catchUpInTurn().catch((error: unknown) => {
      ports.log.debug({ err: error, jobId }, 'follower could not catch up')
      if (stopped) return
      stop()
      sink.end()
    })
  }
  return {
    start: catchUpInTurn,
    stop,
    onInterrupted,
    onEntry: (entry: LogEntry) => {
      if (heard !== undefined) heard.push(entry)
      else if (!deliver([entry])) onInterrupted()
    },
    onStop: (release: () => void) => {
      unsubscribe = release
      if (stopped) release()
    },
    cursor: () => reader.position && formatCursor(reader.position),
  }
}

/** Brings a reader up to the log's end. */
async function readOn(
  ports: FollowPorts,
  owner: string,
  reader: ReturnType<typeof createReader>,
  send: (frame: Frame | undefined) => void,
): Promise<void> {
  if (reader.position !== undefined) {
    const slice = await ports.progress.read(owner, reader.position)
    if (slice.complete) {
      for (const entry of slice.entries) send(passEntry(reader, entry))
      return
    }
    send(passGap(reader, new Date()))
  }
  const head = await ports.progress.head(owner)
  const row = await ports.jobs.find(reader.jobId)
  if (row === undefined) throw new AppError('job-not-found', `There is no job ${reader.jobId}`)
  send(passSnapshot(reader, row, head))
}
