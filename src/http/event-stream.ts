/**
 * What one client of an event stream is sent. A client that reads keeps up by itself; for one that does not a bounded
 * buffer waits, in which a newer percentage of a job takes the place of the older one's: it is appended where it comes,
 * so ids only rise, and statuses and ends are never dropped. Who lets the buffer fill, or reads nothing for long, is
 * cut, and resumes from its cursor.
 */
import type { ServerResponse } from 'node:http'
import type { Frame } from '../domain/event-reader.ts'
import type { Sink } from '../services/follower.ts'
import { type Backlog, createBacklog } from './backlog.ts'
import { formatFrame, formatHeartbeat, formatRetry, RETRY_MS } from './sse.ts'

export interface EventStream extends Sink {
  /** Says that the connection lives, and how far its client has come; nothing while more is waiting. */
  beat(cursor: string | undefined): void
  /** Undefined while the client keeps up; else resolves when it has taken what waits, or has gone. */
  ready(): Promise<void> | undefined
  /** Ends after what waits, with a last word: by default when to come back. */
  end(lastWord?: string): void
  /** Since when the client has read nothing of what waits for it, the end included; undefined while it keeps up. */
  stalledSinceMs(): number | undefined
  cut(): void
}

export interface EventStreamOptions {
  /** Most that waits for a client beside what the socket holds. Default 256 KiB. */
  readonly mostPendingBytes?: number
  readonly now?: () => number
}

const MOST_PENDING_BYTES = 256 * 1024

export function createEventStream(
  raw: ServerResponse,
  { mostPendingBytes = MOST_PENDING_BYTES, now = () => performance.now() }: EventStreamOptions = {},
): EventStream {
  /** Made when it is needed: most clients read what they are sent. */
  let backlog: Backlog | undefined
  let stalledSinceMs: number | undefined
  let ending: { readonly lastWord: string } | undefined
  let waiting: Waiting | undefined

  const isOver = (): boolean => raw.writableEnded || raw.destroyed

  function write(bytes: Buffer | string): void {
    if (raw.write(bytes)) return
    stalledSinceMs = now()
    raw.once('drain', flush)
  }

  /** A client that does not take the end is one that stalls: nothing drains any more that would tell. */
  function finish(lastWord: string): void {
    stalledSinceMs ??= now()
    raw.end(lastWord)
  }

  function flush(): void {
    stalledSinceMs = undefined
    while (backlog !== undefined && stalledSinceMs === undefined && !isOver()) {
      const bytes = backlog.shift()
      if (bytes === undefined) backlog = undefined
      else write(bytes)
    }
    if (ending === undefined && stalledSinceMs === undefined) waiting?.tell()
    if (ending !== undefined && backlog === undefined && !isOver()) finish(ending.lastWord)
  }

  return {
    send(frame, percentageOf) {
      if (isOver() || ending !== undefined) return
      const bytes = encode(frame)
      if (stalledSinceMs === undefined) return write(bytes)
      backlog ??= createBacklog()
      backlog.add(bytes, percentageOf)
      if (backlog.bytes > mostPendingBytes) raw.destroy()
    },
    ready() {
      // Whoever is told the last word takes nothing more, but is there until it has got it.
      const isReady = stalledSinceMs === undefined && ending === undefined && !isOver()
      if (isReady || raw.closed) return undefined
      waiting ??= createWaiting(raw)
      return waiting.join()
    },
    beat(cursor) {
      // A cursor must not overtake what its client has yet to get.
      if (!isOver() && ending === undefined && stalledSinceMs === undefined) write(formatHeartbeat(cursor))
    },
    end(lastWord = formatRetry(RETRY_MS)) {
      if (isOver() || ending !== undefined) return
      ending = { lastWord }
      if (backlog === undefined) finish(lastWord)
    },
    stalledSinceMs: () => stalledSinceMs,
    cut: () => void raw.destroy(),
  }
}

interface Waiting {
  join(): Promise<void>
  tell(): void
}

/** Those who wait for a client are told together, and at the latest when it has gone. */
function createWaiting(raw: ServerResponse): Waiting {
  let told = Promise.withResolvers<void>()
  raw.once('close', () => told.resolve())
  return {
    join: () => told.promise,
    tell() {
      told.resolve()
      told = Promise.withResolvers()
    },
  }
}

const encoded = new WeakMap<Frame, Buffer>()

/** Once for all clients that are sent the same frame. */
function encode(frame: Frame): Buffer {
  const known = encoded.get(frame)
  if (known !== undefined) return known
  const bytes = Buffer.from(formatFrame(frame))
  encoded.set(frame, bytes)
  return bytes
}
