/**
 * Server-sent events (WHATWG HTML §9.2), written straight to the socket: a stream object per connection costs twice
 * the memory. One timer serves every open stream.
 */
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { Frame } from '../domain/event-reader.ts'

export const HEARTBEAT_MS = 15_000
/** A client that has this much unread is cut; it resumes from its cursor. */
const MAX_UNREAD_BYTES = 256 * 1024

const RETRY_MS = 2_000

const SSE_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const

/** One event as text. CR, LF and NUL cannot occur: names and ids are ours, data is JSON. */
export function formatFrame({ event, id, data }: Frame): string {
  return `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`
}

/** Tells the browser how long to wait before it connects again, spread so that not all come at once. */
export function formatRetry(baseMs: number, random: number = Math.random()): string {
  return `retry: ${Math.round(baseMs * (0.5 + random))}\n\n`
}

/** Takes the response over from Fastify and writes what every stream begins with. */
export function beginStream(reply: FastifyReply): ServerResponse {
  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, { ...SSE_HEADERS, 'x-request-id': reply.request.id })
  raw.write(formatRetry(RETRY_MS))
  return raw
}

/**
 * `EventSource` gives up for good on any status but 200. So what will pass (the database away, this process stopping)
 * is told by a stream that ends, with a time to come back.
 */
export function sendRetryLater(reply: FastifyReply): void {
  beginStream(reply).end()
}

/** Moves the client's cursor on without dispatching an event, and keeps proxies from closing the connection. */
export function formatHeartbeat(cursor: string | undefined): string {
  return cursor === undefined ? ':\n\n' : `id: ${cursor}\n\n`
}

export interface EventStream {
  readonly jobId: string
  send(frame: Frame): void
  end(): void
  /** What a heartbeat carries. */
  cursor: () => string | undefined
  onClose(action: () => void): void
}

export interface StreamRegistry {
  /** @param isAllowed asked at each heartbeat; the stream ends when it says no */
  open(raw: ServerResponse, jobId: string, isAllowed: () => Promise<boolean>): EventStream
  /** The jobs that open streams follow. */
  jobIds(): string[]
  /** Ends every stream, telling each when to come back. */
  endAll(): void
  close(): void
}

/** @param onHeartbeat told of the jobs that are followed; heartbeats do not wait for it */
export function createStreamRegistry(
  onHeartbeat: (jobIds: string[]) => void,
  heartbeatMs = HEARTBEAT_MS,
): StreamRegistry {
  const streams = new Set<{ raw: ServerResponse; stream: EventStream; isAllowed: () => Promise<boolean> }>()
  const jobIds = (): string[] => [...new Set([...streams].map(({ stream }) => stream.jobId))]
  const timer = setInterval(() => {
    if (streams.size > 0) onHeartbeat(jobIds())
    for (const { raw, stream, isAllowed } of streams) {
      write(raw, formatHeartbeat(stream.cursor()))
      void isAllowed().then((allowed) => allowed || raw.end())
    }
  }, heartbeatMs)
  timer.unref()
  return {
    open: (raw, jobId, isAllowed) => {
      const entry = { raw, stream: createEventStream(raw, jobId), isAllowed }
      // A client may be gone before its stream begins: its `close` has been, and will not come again.
      if (isGone(raw)) return entry.stream
      streams.add(entry)
      raw.once('close', () => streams.delete(entry))
      return entry.stream
    },
    jobIds,
    endAll: () => {
      for (const { raw } of streams) raw.end(formatRetry(RETRY_MS))
    },
    close: () => clearInterval(timer),
  }
}

function createEventStream(raw: ServerResponse, jobId: string): EventStream {
  return {
    jobId,
    send: (frame) => write(raw, formatFrame(frame)),
    end: () => {
      raw.end()
    },
    cursor: () => undefined,
    onClose: (action) => {
      if (isGone(raw)) action()
      else raw.once('close', action)
    },
  }
}

function isGone(raw: ServerResponse): boolean {
  return raw.closed || raw.destroyed
}

function write(raw: ServerResponse, text: string): void {
  if (raw.writableEnded || raw.destroyed) return
  if (raw.writableLength > MAX_UNREAD_BYTES) raw.destroy()
  else raw.write(text)
}
