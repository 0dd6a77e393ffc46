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
 *   the log cannot be read → it stays and tries again, for half a minute; then it ends, and its client comes back
 */
import { type Cursor, formatCursor, type LogPosition } from '../domain/cursor.ts'
import { AppError } from '../domain/errors.ts'
import {
  createReader,
  type Frame,
  isShortOf,
  openJobsOf,
  passEntry,
  type Reader,
  type Scope,
  standingOf,
  type Told,
} from '../domain/event-reader.ts'
import { backoffMs } from '../domain/retry.ts'
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
  /** Told where the log ends: a live reader that is not there has missed something, and reads it. */
  checkHead(head: LogPosition): void
  stop(): void
}

export interface Followed extends Replayed {
  readonly scope: Scope
}

/** Of what is heard while the log is read so much is kept; the log has the rest. */
const HEARD_MOST = 100
/** Who was interrupted tries for so long, and spread out, since thousands are interrupted together. */
const CATCH_UP_MS = 30_000
const CATCH_UP_AGAIN = { baseMs: 500, maxMs: 5000 }

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
  function onFailure(error: unknown): void {
    heard = { entries: [], isAll: false }
    ports.log.debug({ err: error, owner: followed.owner }, 'follower could not catch up')
  }
  /** One reads at a time: two would each deliver what the other has. Who reads already has to look once more. */
  function onInterrupted(): void {
    if (heard === undefined) void tryPatiently(catchUp, outlet, onFailure)
    else heard.isAll = false
  }
  return {
    start: catchUp,
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
    checkHead: (head: LogPosition) => {
      const isLive = heard === undefined && !outlet.isStopped() && !outlet.isBehind()
      if (isLive && isShortOf(reader, head)) onInterrupted()
    },
  }
}

/** The way to the client, until there is nothing more to tell or it is stopped. */
function createOutlet(reader: Reader, sink: Sink) {
  let stopped = false
  let unsubscribe = (): void => {}
  let wake: (() => void) | undefined

  function stop(): void {
    stopped = true
    unsubscribe()
    wake?.()
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
    /** Returns early when it is stopped. */
    async pause(ms: number): Promise<void> {
      if (stopped) return
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, ms)
      wake = resolve
      await promise
      clearTimeout(timer)
    },
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

/** Commands have a connection of their own, which may come back seconds after the one that says it was interrupted. */
async function tryPatiently(
  work: () => Promise<void>,
  outlet: Pick<ReturnType<typeof createOutlet>, 'pause' | 'end'>,
  onFailure: (error: unknown) => void,
): Promise<void> {
  for (let tries = 1, waitedMs = 0; ; tries += 1) {
    try {
      return await work()
    } catch (error) {
      onFailure(error)
      if (!isPassing(error) || waitedMs >= CATCH_UP_MS) return outlet.end()
    }
    const waitMs = backoffMs(CATCH_UP_AGAIN, tries, Math.random())
    waitedMs += waitMs
    await outlet.pause(waitMs)
  }
}

/** Anything else is a fault of ours: what was passed may not have been sent, and the client's own cursor knows. */
function isPassing(error: unknown): boolean {
  return error instanceof AppError && error.retry === 'later'
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
  if (heard.isAll) heard.entries.push(entry)
}
