/**
 * Pages of other sites (Fetch Standard, §3.2): only those whose origin is named, and never with cookies, so a page has
 * to send `Authorization`. The headers are set on the raw answer, which server-sent events and errors share.
 */
import type { App } from './dependencies.ts'

const METHODS = 'GET, HEAD, POST, PUT, DELETE'
const REQUEST_HEADERS = 'authorization, content-type, idempotency-key, last-event-id, traceparent, x-request-id'
const EXPOSED = [
  'x-request-id',
  'location',
  'retry-after',
  'idempotency-replayed',
  'ratelimit-policy',
  'ratelimit-limit',
  'ratelimit-remaining',
  'ratelimit-reset',
  'x-cache',
].join(', ')
/** What browsers keep a preflight for, at most (Chromium's cap). */
const PREFLIGHT_S = 7200

/** To be registered before authentication: a preflight carries no key. Without origins nothing is added. */
export function registerCors(app: App, origins: readonly string[]): void {
  if (origins.length === 0) return
  const allowed = new Set(origins)
  app.addHook('onRequest', async ({ method, headers }, reply) => {
    const { origin } = headers
    // Also where no origin came: what is kept of this answer must not be used for a page's request.
    reply.raw.setHeader('vary', 'Origin')
    reply.header('vary', 'Origin')
    if (origin === undefined || !allowed.has(origin)) return
    reply.raw.setHeader('access-control-allow-origin', origin)
    reply.raw.setHeader('access-control-expose-headers', EXPOSED)
    if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) return
    return reply
      .header('access-control-allow-methods', METHODS)
      .header('access-control-allow-headers', REQUEST_HEADERS)
      .header('access-control-max-age', String(PREFLIGHT_S))
      .code(204)
      .send()
  })
}
