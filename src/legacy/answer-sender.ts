/**
 * How an analysis server answers: signed HTTP to the API that gave it the order, and to no other address. 2xx is taken;
 * 408, 425, 429, 5xx and no answer are tried again with backoff, or after `Retry-After`; anything else is a refusal.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { signBody } from '../domain/callback.ts'
import { type Backoff, backoffMs } from '../domain/retry.ts'
import type { AnswerSender, SentAnswer } from '../ports/cutover.ts'
import type { Log } from '../ports.ts'

export interface AnswerSenderOptions {
  /** Base of the API; undefined while it is not known. */
  readonly webhookUrl: () => string | undefined
  /** Without one answers are not signed: for an API that lets this address in without. */
  readonly secret: string | undefined
  readonly log: Log
  readonly timeoutMs?: number
  /** Default 12 tries, 0.5 s to 30 s apart: some four minutes. */
  readonly tries?: number
  readonly backoff?: Backoff
}

const RETRIED = new Set([408, 425, 429])
const MAX_RETRY_AFTER_S = 60
const BODY_BYTES = 64 * 1024

export function createAnswerSender(options: AnswerSenderOptions): AnswerSender & { close(): Promise<void> } {
  const { timeoutMs = 15_000, tries = 12, backoff = { baseMs: 500, maxMs: 30_000 }, log } = options
  const agent = new Agent({ connect: { timeout: timeoutMs / 2 }, headersTimeout: timeoutMs, bodyTimeout: timeoutMs })

  async function trySend(url: string, body: string, signal: AbortSignal): Promise<Tried> {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
    // Signed anew each time: a signature grows old while the API is away.
    const headers = { 'content-type': 'application/json', 'user-agent': 'tonewire', ...signatureOf(options, body) }
    try {
      const answer = await request(url, { method: 'POST', headers, body, dispatcher: agent, signal: bounded })
      await answer.body.dump({ limit: BODY_BYTES, signal: bounded }).catch(() => answer.body.destroy())
      return { status: answer.statusCode, retryAfterS: Number(answer.headers['retry-after'] ?? 0) || 0 }
    } catch (error) {
      signal.throwIfAborted()
      log.debug({ err: error }, 'answer not sent')
      return { status: undefined, retryAfterS: 0 }
    }
  }

  return {
    mayCall: (url, jobId) => isWebhook(url, options.webhookUrl()) && jobIdOf(url) === jobId,
    async send(url, body, signal): Promise<SentAnswer> {
      if (!isWebhook(url, options.webhookUrl())) return 'refused'
      for (let tried = 1; tried <= tries; tried += 1) {
        signal.throwIfAborted()
        const { status, retryAfterS } = await trySend(url, body, signal)
        if (status !== undefined && status >= 200 && status < 300) return 'taken'
        if (status !== undefined && status < 500 && !RETRIED.has(status)) {
          log.warn({ status }, 'answer refused')
          return 'refused'
        }
        if (tried === tries) break
        const pauseMs = Math.max(
          backoffMs(backoff, tried, Math.random()),
          Math.min(retryAfterS, MAX_RETRY_AFTER_S) * 1000,
        )
        await delay(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted())
      }
      return 'given-up'
    },
    close: () => agent.destroy(),
  }
}

interface Tried {
  /** Undefined: no answer came. */
  readonly status: number | undefined
  readonly retryAfterS: number
}

function signatureOf({ secret }: AnswerSenderOptions, body: string): Record<string, string> {
  return secret === undefined ? {} : { 'x-signature': signBody([secret], Math.floor(Date.now() / 1000), body) }
}

/** An order may name any address: only our API's webhook is called, or this server would call for anybody. */
function isWebhook(text: string, base: string | undefined): boolean {
  const [url, root] = [URL.parse(text), URL.parse(base ?? '')]
  if (url === null || root === null || url.username !== '' || url.password !== '') return false
  return url.origin === root.origin && url.pathname === root.pathname.replace(/\/*$/, '/webhooks/analysis')
}

/** Nothing but the one job it names: two would leave open which of them is answered. */
function jobIdOf(url: string): string | undefined {
  const [jobId, ...others] = new URL(url).searchParams.getAll('job_id')
  return others.length === 0 ? jobId?.toLowerCase() : undefined
}
