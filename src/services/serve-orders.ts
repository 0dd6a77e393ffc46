/**
 * The analysis server of the direct route, behind its HTTP: orders are held in memory, and each is answered once.
 *
 *   taken → waiting for a place → analysed → answer sent, with retries
 *
 *   full                            → not taken: whoever sent it keeps it
 *   held already                    → taken again, and analysed once
 *   not analysable (a final error)  → a `failed` answer
 *   a store away, a thread died     → tried again a few times, then a `failed` answer that may be retried
 *   the answer is refused, or the API does not come back in time → given up and logged; the API ends the job by itself
 *   stopped                         → what is held is finished; what is not by `release` is lost, and ended likewise
 */
import { setTimeout as delay } from 'node:timers/promises'
import { isFinal, toAppError } from '../domain/errors.ts'
import type { AnalysisRequest } from '../domain/messages.ts'
import { type Backoff, backoffMs } from '../domain/retry.ts'
import type { AnswerSender } from '../ports/cutover.ts'
import {
  analyseOrder,
  createTeller,
  type OrderedJob,
  type OrderPorts,
  toAnswer,
  toFailedAnswer,
} from './analyse-order.ts'

export interface OrderDesk {
  /** False when as many are held as may be. */
  take(order: AnalysisRequest): boolean
  /** Takes nothing more, and resolves when everything held is answered; `release` breaks it off. */
  settle(release: AbortSignal): Promise<void>
}

export interface OrderDeskOptions {
  /** Recordings analysed at once. */
  readonly places: number
  /** Orders held at once, with those whose answers are on their way. */
  readonly most: number
  readonly allowedPrefixes: readonly string[]
  /** Between two tries of an analysis that something else kept from its end. Default 1 to 10 s. */
  readonly backoff?: Backoff
  /** Between two words of progress; default 1 s. */
  readonly progressIntervalMs?: number
}

export type ServePorts = OrderPorts & { readonly answers: AnswerSender }

const TRIES = 3

export function createOrderDesk(ports: ServePorts, options: OrderDeskOptions): OrderDesk {
  const held = new Map<string, Promise<void>>()
  const waiting: (() => void)[] = []
  const over = new AbortController()
  let places = options.places
  let isSettling = false

  const enter = (): Promise<void> => {
    if (places === 0) return new Promise((resolve) => waiting.push(resolve))
    places -= 1
    return Promise.resolve()
  }
  const leave = (): void => {
    const next = waiting.shift()
    if (next === undefined) places += 1
    else next()
  }
  const serve = async (order: AnalysisRequest): Promise<void> => {
    const job = toOrderedJob(order)
    await enter()
    const answer = await answerOf(ports, order, job, over.signal, options).finally(leave)
    const outcome = await ports.answers.send(order.callback_url ?? '', answer, over.signal)
    ports.metrics.count('answers', { outcome })
    const { jobId, attempt } = job
    if (outcome === 'taken') ports.log.info({ jobId, attempt }, 'answer sent')
    else ports.log.warn({ jobId, attempt, outcome }, 'answer not taken')
  }

  return {
    take(order) {
      const key = `${order.job_id}-${order.attempt}`
      if (held.has(key)) return true
      if (isSettling || held.size >= options.most) return false
      const onError = (error: unknown): void =>
        ports.log.warn({ jobId: order.job_id, code: toAppError(error).code, err: error }, 'order not answered')
      held.set(
        key,
        serve(order)
          .catch(onError)
          .finally(() => held.delete(key)),
      )
      return true
    },
    async settle(release) {
      isSettling = true
      const breakOff = (): void => over.abort(release.reason)
      if (release.aborted) breakOff()
      release.addEventListener('abort', breakOff, { once: true })
      while (held.size > 0) await Promise.all(held.values())
      release.removeEventListener('abort', breakOff)
    },
  }
}

/** Throws the signal's reason and nothing else. */
async function answerOf(
  ports: ServePorts,
  order: AnalysisRequest,
  job: OrderedJob,
  signal: AbortSignal,
  { allowedPrefixes, progressIntervalMs = 1000, backoff = { baseMs: 1000, maxMs: 10_000 } }: OrderDeskOptions,
): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted()
    const progress = tellProgress(ports, order, progressIntervalMs)
    try {
      const { onProgress } = progress
      const outcome = await analyseOrder(ports, order, job, { signal, onProgress, allowedPrefixes })
      return await toAnswer(ports, job, outcome, signal)
    } catch (error) {
      signal.throwIfAborted()
      ports.log.info({ jobId: job.jobId, attempt: job.attempt, tries, err: error }, 'analysis broke off')
      if (isFinal(error)) return toFailedAnswer(job, error)
      if (tries === TRIES) return toFailedAnswer(job, error, true)
      await delay(backoffMs(backoff, tries, Math.random()), undefined, { signal }).catch(() => signal.throwIfAborted())
    } finally {
      progress.end()
    }
  }
}

/** One word at a time: what has not been taken when the next is due, or the answer is known, is not sent again. */
function tellProgress({ answers }: ServePorts, order: AnalysisRequest, intervalMs: number) {
  const over = new AbortController()
  const { job_id, attempt, callback_url: url } = order
  let sending = false
  const onProgress = createTeller(intervalMs, (progress, message) => {
    if (sending || over.signal.aborted) return
    sending = true
    const body = JSON.stringify({ version: 1, type: 'progress', job_id, attempt, progress, message })
    const done = (): void => {
      sending = false
    }
    answers.send(url ?? '', body, over.signal).then(done, done)
  })
  return { onProgress, end: () => over.abort() }
}

function toOrderedJob({ job_id: jobId, attempt, owner, token_id: tokenId }: AnalysisRequest): OrderedJob {
  return { jobId, attempt, owner, tokenId, reference: null }
}
