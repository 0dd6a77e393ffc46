/**
 * The analysis server of the direct route. What its status says of an order:
 *
 *   2xx                               → accepted
 *   400, 413, 415, 422                → refused: it is about this recording
 *   408, 429, 5xx, nothing in time    → once more after a short pause, then unavailable
 *   anything else, redirects included → unavailable: it is about us, or the address, and no recording's fault
 *
 * Nothing is waited for without bound: the headers of an answer for `timeoutMs`, the connection for half of that, and its
 * body, which says nothing, not at all beyond what arrives in a moment.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Agent, type Dispatcher, request } from 'undici'
import type { AnalysisRequest } from '../domain/messages.ts'
import type { AnalysisServer, DirectAnswer } from '../ports/cutover.ts'
import type { Log, Metrics } from '../ports.ts'
import { createBoundedWork } from './bounded-work.ts'

export interface AnalysisServerOptions {
  /** Undefined: there is no direct route. Like the next looked at anew each time: in one process both come to be known. */
  readonly url: () => string | undefined
  /** Base of the API that takes the answers; undefined while it is not known. */
  readonly webhookUrl: () => string | undefined
  readonly concurrency: number
  readonly timeoutMs: number
  /** Token ids of digits go out as JSON numbers. */
  readonly integerTokenIds: boolean
  readonly metrics: Metrics
  readonly log: Log
  /** Longest pause before the second try; default 500. */
  readonly retryPauseMs?: number
}

const REFUSALS = new Set([400, 413, 415, 422])
const RETRIED = new Set([408, 429])
const BODY_BYTES = 64 * 1024
const BODY_MS = 1000

/** Close it when what was begun has settled. */
export function createAnalysisServer(options: AnalysisServerOptions): AnalysisServer & { close(): Promise<void> } {
  const { webhookUrl, concurrency, timeoutMs, metrics, log, retryPauseMs = 500 } = options
  const agent = new Agent({
    connect: { timeout: timeoutMs / 2 },
    headersTimeout: timeoutMs,
    bodyTimeout: BODY_MS,
    allowH2: false,
  })
  const onError = (error: unknown): void => log.warn({ err: error }, 'call to the analysis server broken off')
  const background = createBoundedWork(concurrency, onError)
  let calls = 0

  async function submit(order: AnalysisRequest, signal: AbortSignal): Promise<DirectAnswer> {
    const url = options.url()
    if (url === undefined) return { kind: 'unavailable', status: null, detail: 'ANALYSIS_SERVER_URL is not set' }
    if (calls >= concurrency) return { kind: 'full' }
    calls += 1
    try {
      const call = { url, agent, timeoutMs, body: formatOrder(order, options) }
      const first = await post(call, signal)
      if (!isWorthARetry(first)) return first
      await delay(retryPauseMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => signal.throwIfAborted())
      metrics.count('direct_calls', { outcome: 'retried' })
      return await post(call, signal)
    } finally {
      calls -= 1
    }
  }

  return {
    get isConfigured() {
      return options.url() !== undefined
    },
    freePlaces: () => concurrency - calls,
    submit,
    callbackUrlOf: (jobId, attempt) => {
      const base = webhookUrl()
      if (base === undefined) return null
      const which = attempt === 1 ? '' : `&attempt=${attempt}`
      return `${base.replace(/\/+$/, '')}/webhooks/analysis?job_id=${jobId}${which}`
    },
    begin: background.begin,
    settle: background.settle,
    close: async () => {
      await background.settle(AbortSignal.abort())
      await agent.destroy()
    },
  }
}

interface Post {
  readonly url: string
  readonly body: string
  readonly agent: Agent
  readonly timeoutMs: number
}

async function post({ url, body, agent, timeoutMs }: Post, signal: AbortSignal): Promise<DirectAnswer> {
  signal.throwIfAborted()
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), timeoutMs)
  try {
    const answer = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'tonewire' },
      body,
      dispatcher: agent,
      signal: AbortSignal.any([signal, late.signal]),
    })
    clearTimeout(timer)
    await discard(answer.body)
    return toAnswer(answer.statusCode)
  } catch (error) {
    signal.throwIfAborted()
    const detail = late.signal.aborted ? `no answer within ${timeoutMs / 1000} s` : reasonOf(error)
    return { kind: 'unavailable', status: null, detail }
  } finally {
    clearTimeout(timer)
  }
}

/** The whole order; the number of a token is what `int(token_id)` was to the old system. */
function formatOrder(order: AnalysisRequest, { integerTokenIds, metrics, log }: AnalysisServerOptions): string {
  const { token_id: tokenId } = order
  const number = integerTokenIds && tokenId !== null && /^\d+$/.test(tokenId) ? Number(tokenId) : Number.NaN
  // Beyond 2^53 a number would name another token.
  if (!Number.isSafeInteger(number)) return JSON.stringify(order)
  metrics.count('legacy_use', { feature: 'integer-token-id' })
  log.info({ jobId: order.job_id }, 'order with a number for its token')
  return JSON.stringify({ ...order, token_id: number })
}

function toAnswer(status: number): DirectAnswer {
  if (status >= 200 && status < 300) return { kind: 'accepted', status }
  const detail = `it answered ${status}`
  if (REFUSALS.has(status)) return { kind: 'refused', status, detail }
  return { kind: 'unavailable', status, detail }
}

function isWorthARetry(answer: DirectAnswer): boolean {
  if (answer.kind !== 'unavailable') return false
  return answer.status === null || answer.status >= 500 || RETRIED.has(answer.status)
}

/** Reads what fits in a moment, so that the connection can be used again; otherwise it is closed. */
async function discard(body: Dispatcher.ResponseData['body']): Promise<void> {
  await body.dump({ limit: BODY_BYTES, signal: AbortSignal.timeout(BODY_MS) }).catch(() => body.destroy())
}

/** A code for operators, such as ECONNREFUSED: no address and nothing personal. */
function reasonOf(error: unknown): string {
  const { code, name } = error as { code?: string; name?: string }
  return code ?? name ?? 'no answer'
}
