/**
 * One reader follows an owner's log. The order of the steps leaves no gap: listen first, then read the log (or the
 * rows), then deliver what was heard meanwhile, dropping what was delivered already.
 *
 *   usable cursor          → what came after it
 *   cursor no longer kept  → `gap`, then as without a cursor
 *   no cursor              → a `snapshot` of each row, at the log's position from before the rows were read
 *   an entry is missing, or its position was passed already → the log is read again from the last position delivered
 *   its one job has ended  → the end, after its last event
 *   its client is behind   → the log waits for it (replay.ts); live events go to its bounded buffer
 */
import { type Cursor, formatCursor } from '../domain/cursor.ts'
import {
  createReader,
  type Frame,
  openJobsOf,
  passEntry,
  type Reader,
  type Scope,
  standingOf,
  type Told,
} from '../domain/event-reader.ts'
import type { LogEntry, Ports } from '../ports.ts'
import { createReplay, type Replayed } from './replay.ts'

export type FollowPorts = Pick<Ports, 'jobs' | 'progress' | 'metrics' | 'log'>

/** Where the frames go. `end` is called at most once, and nothing after it. */
export interface Sink {
  /** Called once, before anything is read, so that whoever leaves early can stop it. */
  follow?(following: Following): void
  /** `percentageOf` names the job of which the frame is but a newer percentage. */
  send(frame: Frame, percentageOf?: string): void
  /** Undefined while the client keeps up; else resolves when it has taken what waits, or has gone. */
  ready?(): Promise<void> | undefined
  end(): void
}

export interface Following {
  /** The cursor a heartbeat carries: the last position passed. */
  cursor(): string | undefined
  /** The jobs whose end this reader waits for. */
  openJobs(): string[]
  stop(): void
}

export interface Followed extends Replayed {
  readonly scope: Scope
}

/** Of what is heard while the log is read so much is kept; the log has the rest. */
const HEARD_MOST = 100

/** Starts following; throws `progress-unavailable`, or what `rows` throws, when it cannot. */
export async function follow(
  ports: FollowPorts,
  followed: Followed,
  cursor: Cursor | undefined,
  sink: Sink,
): Promise<Following> {
  const follower = createFollower(ports, followed, cursor, sink)
  sink.follow?.(follower)
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
  const outlet = createOutlet(reader, sink)
  /** What is heard while the log is read; undefined while live. */
  let heard: Heard | undefined = hearAnew()
  let catchingUp: Promise<void> = Promise.resolve()

  async function catchUp(): Promise<void> {
    const replay = createReplay(ports, followed, reader, outlet)
    for (let isThere = false; !isThere && !outlet.isStopped(); ) {
      heard = hearAnew()
      await sink.ready?.()
      heard = hearAnew()
      isThere = !outlet.isStopped() && (await replay()) && deliverHeard(heard)
    }
    heard = undefined
  }
  function deliver(entry: LogEntry): ReturnType<typeof standingOf> {
    const standing = standingOf(reader, entry)
    if (standing === 'next') outlet.send(passEntry(reader, entry))
    return standing
  }
  /** False when there is more to read from the log. What is old was heard before that was read. */
  function deliverHeard({ entries, isAll }: Heard): boolean {
    const isDone = (entry: LogEntry): boolean => !outlet.isBehind() && deliver(entry) !== 'ahead'
    return isAll && entries.every((entry) => outlet.isStopped() || isDone(entry))
  }
  /** One at a time: two that read at once would each deliver what the other has. */
  function catchUpInTurn(): Promise<void> {
    heard ??= hearAnew()
    const turn = catchingUp.then(() => (outlet.isStopped() ? undefined : catchUp()))
    catchingUp = turn.catch(() => {})
    return turn
  }
  function onInterrupted(): void {
    catchUpInTurn().catch((error: unknown) => {
      ports.log.debug({ err: error, owner: followed.owner }, 'follower could not catch up')
      outlet.end()
    })
  }
  return {
    start: catchUpInTurn,
    stop: outlet.stop,
    onStop: outlet.onStop,
    onInterrupted,
    onEntry: (entry: LogEntry) => {
      if (outlet.isStopped()) return
      if (heard !== undefined) hear(heard, entry, outlet.isBehind())
      // An old one may be of a log that lost its end: reading tells.
      else if (deliver(entry) !== 'next') onInterrupted()
    },
    cursor: () => reader.position && formatCursor(reader.position),
    openJobs: () => (outlet.isStopped() ? [] : openJobsOf(reader)),
  }
}

/** The way to the client, until there is nothing more to tell or it is stopped. */
function createOutlet(reader: Reader, sink: Sink) {
  let stopped = false
  let unsubscribe = (): void => {}

  function stop(): void {
    stopped = true
    unsubscribe()
  }
  function end(): void {
    if (stopped) return
    stop()
    sink.end()
  }
  return {
    stop,
    end,
    isStopped: () => stopped,
    isBehind: () => sink.ready?.() !== undefined,
    send(told: Told | undefined): void {
      if (told !== undefined && !stopped) sink.send(told.frame, told.percentageOf)
      if (reader.finished) end()
    },
    onStop(release: () => void): void {
      unsubscribe = release
      if (stopped) release()
    },
  }
}

interface Heard {
  readonly entries: LogEntry[]
  /** False when more was heard than is kept. */
  isAll: boolean
}

function hearAnew(): Heard {
  return { entries: [], isAll: true }
}

/** Keeps little, and nothing for a client that does not take what it has. */
function hear(heard: Heard, entry: LogEntry, isBehind: boolean): void {
  if (isBehind || heard.entries.length >= HEARD_MOST) heard.isAll = false
  else heard.entries.push(entry)
}
