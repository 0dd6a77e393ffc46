/** What a process asks of its servers, counted where it leaves: statements at the driver, requests at the HTTP client. */
import { subscribe } from 'node:diagnostics_channel'
import type { ClientRequest } from 'node:http'
import pg from 'pg'

export interface Counts {
  /** Of every kind: BEGIN and COMMIT, what looks whether the database is there, and what counts rows. */
  readonly statements: number
  /** By action, such as `ReceiveMessage`; one that is tried again counts again. */
  readonly requests: Readonly<Record<string, number>>
  readonly cpuMs: number
  /** Answers recorded so far, by what became of them; not in sums. */
  readonly results?: Readonly<Record<string, number>>
}

interface UndiciRequest {
  readonly headers: unknown
}

/** Begins to count; the function returned tells what it was since then. Once per process. */
export function countFromHere(): () => Counts {
  let statements = 0
  const requests: Record<string, number> = {}
  const prototype = pg.Client.prototype as unknown as { query(...given: unknown[]): unknown }
  const query = prototype.query
  prototype.query = function (...given) {
    statements += 1
    return query.apply(this, given)
  }
  const countTarget = (target: unknown): void => {
    const action = /AmazonSQS\.(\w+)/.exec(String(target ?? ''))?.[1]
    if (action !== undefined) requests[action] = (requests[action] ?? 0) + 1
  }
  subscribe('http.client.request.start', (message) => {
    countTarget((message as { request: ClientRequest }).request.getHeader('x-amz-target'))
  })
  subscribe('undici:request:create', (message) => countTarget((message as { request: UndiciRequest }).request.headers))
  const cpu = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(cpu)
    return { statements, requests: { ...requests }, cpuMs: (user + system) / 1000 }
  }
}

/** What came between two looks at one process. */
export function between(before: Counts, after: Counts): Counts {
  const actions = Object.keys(after.requests)
  return {
    statements: after.statements - before.statements,
    requests: Object.fromEntries(actions.map((name) => [name, after.requests[name]! - (before.requests[name] ?? 0)])),
    cpuMs: after.cpuMs - before.cpuMs,
  }
}

export function sumOf(all: readonly Counts[]): Counts {
  const requests: Record<string, number> = {}
  for (const counts of all) {
    for (const [name, count] of Object.entries(counts.requests)) requests[name] = (requests[name] ?? 0) + count
  }
  return {
    statements: all.reduce((sum, { statements }) => sum + statements, 0),
    requests,
    cpuMs: all.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
  }
}

export function requestsOf({ requests }: Counts): number {
  return Object.values(requests).reduce((sum, count) => sum + count, 0)
}
