/** Server-sent events (WHATWG HTML §9.2) as text, and how a stream of them begins. */
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { Frame } from '../domain/event-reader.ts'

export const RETRY_MS = 2_000
/** Where there is no room: browsers come back at half to one and a half times this. */
export const BUSY_RETRY_MS = 10_000

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

/** Moves the client's cursor on without dispatching an event, and keeps proxies from closing the connection. */
export function formatHeartbeat(cursor: string | undefined): string {
  return cursor === undefined ? ':\n\n' : `id: ${cursor}\n\n`
}

/**
 * Takes the response over from Fastify and writes what every stream begins with. Written straight to the socket: a
 * stream object per connection costs twice the memory.
 */
export function beginStream(reply: FastifyReply, retryMs = RETRY_MS): ServerResponse {
  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, { ...SSE_HEADERS, 'x-request-id': reply.request.id })
  raw.write(formatRetry(retryMs))
  return raw
}

/**
 * `EventSource` gives up for good on any status but 200. So what will pass (the database away, this process full or
 * stopping) is told by a stream that ends, with a time to come back.
 */
export function sendRetryLater(reply: FastifyReply, retryMs = RETRY_MS): void {
  beginStream(reply, retryMs).end()
}
