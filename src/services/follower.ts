/**
 * One reader follows an owner's log. The order of the steps leaves no gap: listen first, then read the log (or the
 * rows), then deliver what was heard meanwhile, dropping what was delivered already.
 *
 *   usable cursor          → what came after it
 *   cursor no longer kept  → `gap`, then as without a cursor
 *   no cursor              → a `snapshot` of each row, at the log's position from before the rows were read
 *   an entry is missing    → the log is read again from the last position delivered
 *   its one job has ended  → the end, after its last event
 */
import { type Cursor, formatCursor } from '../domain/cursor.ts'
import {
  createReader,
  type Frame,
  openJobsOf,
  passEntry,
  passGap,
  passSnapshots,
  type Reader,
  type Scope,
  standingOf,
  type Told,
} from '../domain/event-reader.ts'
import type { Job } from '../domain/job.ts'
import type { LogEntry, Ports } from '../ports.ts'

export type FollowPorts = Pick<Ports, 'jobs' | 'progress' | 'metrics' | 'log'>

/** Where the frames go. `end` is called at most once, and nothing after it. */
export interface Sink {
  /** `percentageOf` names the job of which the frame is but a newer percentage. */
  send(frame: Frame, percentageOf?: string): void
  end(): void
}

export interface Following {
  /** The cursor a heartbeat carries: the last position passed. */
  cursor(): string | undefined
  /** The jobs whose end this reader waits for. */
  openJobs(): string[]
  stop(): void
}

export interface Followed {
  readonly owner: string
  readonly scope: Scope
  /** The rows to begin with, oldest first; `open` are jobs the reader has heard of that had not ended. */
  readonly rows: (open: readonly string[]) => Promise<readonly Job[]>
}

/** Starts following; throws `progress-unavailable`, or what `rows` throws, when it cannot. */
export async function follow(
  ports: FollowPorts,
  followed: Followed,
  cursor: Cursor | undefined,
  sink: Sink,
): Promise<Following> {
  const follower = createFollower(ports, followed, cursor, sink)
  const unsubscribe = await ports.progress.subscribe(followed.owner, follower)
  follower.onStop(unsubscribe)
  try {
    await follower.start()
  } catch (error) {
    follower.stop()
    throw error
  }
  return follower
}

function createFollower(ports: FollowPorts, followed: Followed, cursor: Cursor | undefined, sink: Sink) {
  const reader = createReader(followed.scope, cursor)
  /** What is heard while the log is read; undefined while live. */
  let heard: LogEntry[] | undefined = []
  let catchingUp: Promise<void> = Promise.resolve()
  let stopped = false
  let unsubscribe = (): void => {}

  function stop(): void {
    stopped = true
    unsubscribe()
  }
  function send(told: Told | undefined): void {
    if (told !== undefined && !stopped) sink.send(told.frame, told.percentageOf)
    if (!reader.finished || stopped) return
    stop()
    sink.end()
  }
  async function catchUp(): Promise<void> {
    do {
      heard = []
      await readOn(ports, followed, reader, send)
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
      ports.log.debug({ err: error, owner: followed.owner }, 'follower could not catch up')
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
    openJobs: () => (stopped ? [] : openJobsOf(reader)),
  }
}

/** Brings a reader up to the log's end. */
async function readOn(
  ports: FollowPorts,
  { owner, rows }: Followed,
  reader: Reader,
  send: (told: Told) => void,
): Promise<void> {
  if (reader.position !== undefined) {
    const slice = await ports.progress.read(owner, reader.position)
    if (slice.complete) {
      for (const entry of slice.entries) {
        const told = passEntry(reader, entry)
        if (told !== undefined) send(told)
      }
      return
    }
    send({ frame: passGap(reader, new Date()) })
  }
  const head = await ports.progress.head(owner)
  for (const frame of passSnapshots(reader, await rows(openJobsOf(reader)), head)) send({ frame })
}
