/**
 * The open event streams of this process: how many there may be, when each is told that it lives, and when it ends. One
 * timer serves all of them, a few at a time, so that thousands of heartbeats never hold up an event.
 */
import type { ServerResponse } from 'node:http'
import type { Following } from '../services/follower.ts'
import { createEventStream, type EventStream } from './event-stream.ts'

export interface StreamLimits {
  /** Streams of this process, requests that wait included. Default 8,000. */
  readonly maxStreams?: number
  /** Streams of one owner on this process. Default 500. */
  readonly maxStreamsPerOwner?: number
  /** A stream ends after half of this to all of it, and its client comes back. Default 600. */
  readonly streamLifetimeS?: number
  /** Default 14 s. */
  readonly heartbeatMs?: number
  /** A client that reads nothing of what waits for it for this long is cut. Default 30 s. */
  readonly stallMs?: number
}

export interface Audience {
  readonly owner: string
  /** Follows whatever jobs the owner has. */
  readonly all: boolean
  /** Asked at each heartbeat; the stream ends when it says no. */
  readonly isAllowed: () => Promise<boolean>
}

export interface OpenStream extends EventStream {
  /** From now on its heartbeats tell how far it has come; it is stopped when the client goes. */
  follow(following: Following): void
}

export interface StreamRegistry {
  /** `full`: this process has no room. `too-many`: this owner has as many as it may. */
  room(owner: string): 'free' | 'full' | 'too-many'
  /** Counts a request that waits as a stream, of its owner and of all, until the returned function is called. */
  hold(owner: string): () => void
  open(raw: ServerResponse, audience: Audience): OpenStream
  /** How many are open. */
  readonly size: number
  followed(): FollowedNow
  /** Ends every stream, telling each when to come back. */
  endAll(): void
  close(): void
}

export interface FollowedNow {
  /** The jobs whose end somebody waits for. */
  readonly jobIds: string[]
  /** The owners all of whose jobs are followed. */
  readonly owners: string[]
  /** Who reads the log of an owner. */
  readonly readers: Map<string, Following[]>
}

interface Entry {
  readonly stream: EventStream
  readonly audience: Audience
  readonly endsAtMs: number
  following: Following | undefined
}

/** Every 15 s at the latest, though the timer of the round and the client's way there take their time. */
export const HEARTBEAT_MS = 14_000
const STALL_MS = 30_000

export function createStreamRegistry(limits: StreamLimits = {}, now = () => performance.now()): StreamRegistry {
  const { maxStreams = 8000, maxStreamsPerOwner = 500, streamLifetimeS = 600 } = limits
  const { heartbeatMs = HEARTBEAT_MS, stallMs = STALL_MS } = limits
  const entries = createRound<Entry>(heartbeatMs, now, attend)
  const places = createPlaces()

  function attend({ stream, audience, following, endsAtMs }: Entry): void {
    const nowMs = now()
    if (nowMs - (stream.stalledSinceMs() ?? nowMs) > stallMs) stream.cut()
    else if (nowMs >= endsAtMs) stream.end()
    else {
      stream.beat(following?.cursor())
      void audience.isAllowed().then((allowed) => allowed || stream.end())
    }
  }

  function enter(raw: ServerResponse, entry: Entry): void {
    const { owner } = entry.audience
    entries.add(entry)
    const release = places.take(owner)
    raw.once('close', () => {
      entries.delete(entry)
      release()
      entry.following?.stop()
    })
  }

  return {
    room(owner) {
      if (places.taken >= maxStreams) return 'full'
      return places.takenBy(owner) < maxStreamsPerOwner ? 'free' : 'too-many'
    },
    hold: places.take,
    open(raw, audience) {
      const endsAtMs = now() + streamLifetimeS * 1000 * (0.5 + Math.random() / 2)
      const entry: Entry = { stream: createEventStream(raw, { now }), audience, endsAtMs, following: undefined }
      // A client may be gone before its stream begins: its `close` has been, and will not come again.
      if (!isGone(raw)) enter(raw, entry)
      const follow = (following: Following): void => {
        entry.following = following
        if (isGone(raw)) following.stop()
      }
      return { ...entry.stream, follow }
    },
    get size() {
      return entries.size
    },
    followed: () => followedIn(entries.all()),
    endAll() {
      for (const { stream } of entries.all()) stream.end()
    },
    close: entries.stop,
  }
}

/** Counts streams and requests that wait, in all and of each owner. */
function createPlaces() {
  const ofOwner = new Map<string, number>()
  let taken = 0

  function count(owner: string, by: number): void {
    taken += by
    const sum = (ofOwner.get(owner) ?? 0) + by
    if (sum === 0) ofOwner.delete(owner)
    else ofOwner.set(owner, sum)
  }

  return {
    get taken() {
      return taken
    },
    takenBy: (owner: string): number => ofOwner.get(owner) ?? 0,
    /** Until the returned function is called. */
    take(owner: string): () => void {
      count(owner, 1)
      return () => count(owner, -1)
    },
  }
}

function followedIn(entries: Iterable<Entry>): FollowedNow {
  const jobIds = new Set<string>()
  const owners = new Set<string>()
  const readers = new Map<string, Following[]>()
  for (const { following, audience } of entries) {
    if (audience.all) owners.add(audience.owner)
    if (following === undefined) continue
    for (const jobId of following.openJobs()) jobIds.add(jobId)
    const ofOwner = readers.get(audience.owner)
    if (ofOwner === undefined) readers.set(audience.owner, [following])
    else ofOwner.push(following)
  }
  return { jobIds: [...jobIds], owners: [...owners], readers }
}

interface Round<T> {
  readonly size: number
  add(item: T): void
  delete(item: T): void
  all(): Iterable<T>
  stop(): void
}

/** Into so many parts a round falls. */
const PARTS = 60

/** Attends to each item once in every `roundMs`, counted from when it was added: by one timer, a few at a time. */
function createRound<T>(roundMs: number, now: () => number, attend: (item: T) => void): Round<T> {
  /** When each is due, the next first. */
  const dueMs = new Map<T, number>()
  const timer = setInterval(
    () => {
      const nowMs = now()
      for (const [item, due] of dueMs) {
        if (due > nowMs) return
        dueMs.delete(item)
        dueMs.set(item, nowMs + roundMs)
        attend(item)
      }
    },
    Math.max(1, roundMs / PARTS),
  )
  timer.unref()
  return {
    get size() {
      return dueMs.size
    },
    add: (item) => void dueMs.set(item, now() + roundMs),
    delete: (item) => void dueMs.delete(item),
    all: () => dueMs.keys(),
    stop: () => clearInterval(timer),
  }
}

function isGone(raw: ServerResponse): boolean {
  return raw.closed || raw.destroyed
}
