/**
 * Tells clients how their jobs ended. The rows say what is to be sent (invariant 6: they are written with the status
 * change); sent first, recorded second (invariant 2), so a kill in between sends again, under the same delivery id. A
 * database that goes away in between does not, as long as it is back before the lease is over.
 *
 *   2xx                                → delivered
 *   408, 425, 429, 5xx, no answer      → tried again with backoff and jitter, or after `Retry-After`, for a day
 *   any other status, address refused  → given up at once
 *   a day over                         → given up
 */
import { setTimeout as delay } from 'node:timers/promises'
import { formatCallback, signBody } from '../domain/callback.ts'
import { toAppError } from '../domain/errors.ts'
import { backoffMs } from '../domain/retry.ts'
import type { CallbackAnswer, ClaimedDelivery, DeliveryOutcome } from '../ports/deliveries.ts'
import type { Ports } from '../ports.ts'

type CallbackPorts = Pick<Ports, 'deliveries' | 'ownerSecrets' | 'callbackSender' | 'timeline' | 'metrics' | 'log'>

export interface DeliveryRules {
  /** Sends at once in this process (20). */
  readonly concurrency?: number
  /** Of them to one owner, so that a dead endpoint does not hold up the others (4). */
  readonly perOwner?: number
  /** Pause between two looks while nothing is due. */
  readonly pollMs: number
}

/** Longer than any send takes, so that a row is handed out again only when whoever had it is gone. */
const LEASE_S = 60
/** So long a database may be away before the send; what is left of the lease is longer than the send takes. */
const SEND_BY_MS = 30_000
const RECORD_BY_MS = (LEASE_S - 5) * 1000
const ASK_AGAIN = { baseMs: 100, maxMs: 2000 }
const BACKOFF = { baseMs: 10_000, maxMs: 2 * 3_600_000 }
const MAX_RETRY_AFTER_S = 3600
const RETRYABLE = new Set([408, 425, 429])

/**
 * Sends what is due until `signal` aborts, then finishes what is under way; `release` breaks that off, and it is sent
 * again by another process when its lease has run out.
 */
export async function deliverCallbacks(
  ports: CallbackPorts,
  rules: DeliveryRules,
  signal: AbortSignal,
  release: AbortSignal,
): Promise<void> {
  const { concurrency = 20, perOwner = 4, pollMs } = rules
  const running = new Set<Promise<void>>()
  while (!signal.aborted) {
    const limit = concurrency - running.size
    const claimed = limit === 0 ? [] : await claim(ports, { limit, perOwner, leaseS: LEASE_S })
    for (const delivery of claimed) {
      const work: Promise<void> = attend(ports, delivery, release).finally(() => running.delete(work))
      running.add(work)
    }
    if (claimed.length === 0) await nextChange(running, pollMs, signal)
  }
  await Promise.all(running)
}

async function claim(ports: CallbackPorts, rules: { limit: number; perOwner: number; leaseS: number }) {
  try {
    return await ports.deliveries.claim(rules)
  } catch (error) {
    ports.log.warn({ err: error }, 'callbacks not looked at')
    return []
  }
}

async function attend(ports: CallbackPorts, delivery: ClaimedDelivery, release: AbortSignal): Promise<void> {
  try {
    await deliverCallback(ports, delivery, release)
  } catch (error) {
    const { deliveryId, jobId } = delivery
    ports.log.warn({ deliveryId, jobId, err: error }, 'callback left to its lease')
  }
}

/**
 * Sends one delivery and records what came of it. Throws `database-unavailable`, or the signal's reason, and then its
 * lease runs out.
 */
export async function deliverCallback(
  ports: CallbackPorts,
  delivery: ClaimedDelivery,
  signal: AbortSignal,
): Promise<void> {
  const { deliveryId, jobId, owner } = delivery
  const beganAtMs = performance.now()
  const secrets = await untilBack(() => ports.ownerSecrets.find(owner), beganAtMs + SEND_BY_MS, signal)
  const body = formatCallback(delivery.event, delivery.job)
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'tonewire',
    'x-signature': signBody(secrets, Math.floor(Date.now() / 1000), body),
    'x-tonewire-delivery': deliveryId,
  }
  const answer = await ports.callbackSender.send(delivery.url, { headers, body }, signal)
  const came = toOutcome(answer, delivery.tries, Math.random())
  const status = await untilBack(() => ports.deliveries.record(delivery, came), beganAtMs + RECORD_BY_MS, signal)
  const outcome = status === 'pending' ? 'retry' : (status ?? 'superseded')
  ports.metrics.count('callbacks', { outcome })
  const detail = answer.kind === 'answered' ? `HTTP ${answer.status}` : answer.kind
  ports.timeline.note({ jobId, attempt: delivery.attempt, hop: 'callback', outcome, messageId: deliveryId, detail })
  ports.log.debug({ deliveryId, jobId, tries: delivery.tries, outcome }, 'callback tried')
}

/** Asks a database that is away again, until then and unless the signal aborts; throws what it answered last. */
async function untilBack<T>(ask: () => Promise<T>, untilMs: number, signal: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask()
    } catch (error) {
      const waitMs = backoffMs(ASK_AGAIN, tries, Math.random())
      if (toAppError(error).retry === 'never' || performance.now() + waitMs > untilMs) throw error
      await delay(waitMs, undefined, { signal }).catch(() => {})
      if (signal.aborted) throw error
    }
  }
}

/**
 * What an answer means for its delivery.
 *
 * @param tries sends begun, this one included
 * @param random a number in [0, 1), for the jitter
 */
export function toOutcome(answer: CallbackAnswer, tries: number, random: number): DeliveryOutcome {
  const backoffS = backoffMs(BACKOFF, tries, random) / 1000
  if (answer.kind === 'refused') return { kind: 'given_up', lastStatus: null, lastError: answer.sentence }
  if (answer.kind === 'failed') return { kind: 'retry', lastStatus: null, lastError: answer.sentence, inS: backoffS }
  const { status, retryAfterS } = answer
  if (status >= 200 && status < 300) return { kind: 'delivered', lastStatus: status }
  const lastError = `The endpoint answered ${status}.`
  if (status >= 500 || RETRYABLE.has(status)) {
    const inS = Math.max(backoffS, Math.min(retryAfterS ?? 0, MAX_RETRY_AFTER_S))
    return { kind: 'retry', lastStatus: status, lastError, inS }
  }
  const isRedirect = status >= 300 && status < 400
  return {
    kind: 'given_up',
    lastStatus: status,
    lastError: isRedirect ? `${lastError} Redirects are not followed.` : lastError,
  }
}

/** Resolves when a send ends, the pause is over or the signal aborts. */
async function nextChange(running: ReadonlySet<Promise<void>>, pollMs: number, signal: AbortSignal): Promise<void> {
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  // A pause that is broken off rejects with an AbortError, which is as good an end as any.
  const pause = delay(pollMs, undefined, { signal: either }).catch(() => {})
  await Promise.race([pause, ...running])
  over.abort()
}
