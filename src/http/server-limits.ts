/** What the server takes of any client before it knows who that is. */
import type { FastifyInstance } from 'fastify'
import { AppError } from '../domain/errors.ts'

export interface ServerLimits {
  /** Time for the headers of a request; then 408. */
  readonly headersTimeoutS: number
  /** How long an idle connection is kept. Longer than a load balancer's own time, or it meets closed connections. */
  readonly keepAliveS: number
  /** Connections of one process; more are closed at once. 0: no limit. */
  readonly maxConnections: number
  /** Whose `x-forwarded-` headers count: a number of hops, or addresses with commas. Default: nobody's. */
  readonly trustProxy?: string | undefined
}

export const DEFAULT_SERVER_LIMITS: ServerLimits = { headersTimeoutS: 15, keepAliveS: 75, maxConnections: 10_000 }

/** Of all headers of a request together. */
const MAX_HEADER_BYTES = 16 * 1024
const MAX_HEADERS = 100
/** Of a body nobody reads yet, per connection: Node reads 64 KiB at once, and so holds one such chunk, not two. */
const SOCKET_BUFFER_BYTES = 16 * 1024
/** Of what is read whole, such as JSON. Recordings and reference material are streamed, by limits of their own. */
const MAX_BODY_BYTES = 1024 * 1024

export function serverOptionsOf({ headersTimeoutS, keepAliveS, trustProxy }: ServerLimits) {
  return {
    trustProxy: trustedProxies(trustProxy),
    keepAliveTimeout: keepAliveS * 1000,
    bodyLimit: MAX_BODY_BYTES,
    http: {
      highWaterMark: SOCKET_BUFFER_BYTES,
      // Node would refuse it with an empty answer; ours says why.
      requireHostHeader: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: headersTimeoutS * 1000,
      // Node looks at its timeouts this often.
      connectionsCheckingInterval: Math.min(5000, headersTimeoutS * 500),
    },
  }
}

function trustedProxies(given: string | undefined) {
  if (given === undefined || !/^\d+$/.test(given)) return given ?? false
  // Counted from ours on: the nearest is hop 0.
  return (_address: string, hop: number) => hop < Number(given)
}

export function guardServer(app: FastifyInstance, { maxConnections }: ServerLimits): void {
  if (maxConnections > 0) app.server.maxConnections = maxConnections
  // Node leaves out what is beyond its own count without a word; we refuse what is beyond ours, which is lower.
  app.addHook('onRequest', async ({ raw }) => {
    if (raw.rawHeaders.length <= MAX_HEADERS * 2) return
    throw new AppError('request-too-large', `A request has at most ${MAX_HEADERS} headers`)
  })
  // RFC 9112, §3.2: a request of HTTP/1.1 that lacks a Host is answered 400.
  app.addHook('onRequest', async ({ raw }) => {
    if (raw.headers.host !== undefined || raw.httpVersion !== '1.1') return
    throw new AppError('request-invalid', 'Send the header Host with every request.')
  })
}
