/** What a consumer holds: each message from its receive until it is deleted or given back. */
import type { Message } from '@aws-sdk/client-sqs'
import { AppError, isFinal } from '../domain/errors.ts'
import { type Backoff, backoffMs } from '../domain/retry.ts'
import type { Log, ReceivedMessage } from '../ports.ts'
import { createHeartbeat, type HeldMessage } from './message-heartbeat.ts'
import { createMessageReceipts } from './message-receipts.ts'
import type { SqsCalls } from './sqs-calls.ts'

export interface MessageHolderOptions {
  readonly calls: SqsCalls
  readonly queueUrl: string
  readonly log: Log
  /** How long a received message stays invisible unless extended; extended at a third of it. */
  readonly visibilityTimeoutS: number
  /** Delay before a message that failed comes back, by its receive count. Default 2 s doubling to 5 min. */
  readonly retry?: Backoff
  /** How long a released handler may take to end. Default 2 s. */
  readonly releaseGraceMs?: number
}

/** After the handlers' grace: how long what they held may take to be deleted or given back. */
const SETTLE_MS = 1000

export type MessageHandler = (message: ReceivedMessage) => Promise<void>

interface StopSignals {
  readonly signal: AbortSignal
  readonly release: AbortSignal | undefined
  /** Resolves once a stopping consumer has no receive under way. */
  readonly pollsEnded: Promise<void>
}

export interface MessageHolder {
  /** Resolves when the message is settled: with undefined when handled, else with what the handler threw. */
  run(message: Message, handler: MessageHandler): Promise<unknown>
  whenEmpty(): Promise<void>
  close(): void
}

/** Keeps messages invisible while they are handled, and settles each by its outcome. */
export function createMessageHolder(
  options: MessageHolderOptions,
  { signal, release, pollsEnded }: StopSignals,
): MessageHolder {
  const { calls, queueUrl, log, visibilityTimeoutS, releaseGraceMs = 2000 } = options
  const { retry = { baseMs: 2000, maxMs: 300_000 } } = options
  // What SQS has not taken by then comes back by its timeout, and its repeat is harmless.
  const over = abortAfter(release, releaseGraceMs + SETTLE_MS)
  const receipts = createMessageReceipts(calls, queueUrl, log, over.signal)
  const heartbeat = createHeartbeat(receipts, visibilityTimeoutS, log)
  const running = new Map<HeldMessage, Promise<unknown>>()

  function releaseAll(): void {
    for (const held of running.keys()) held.abort(givingBack())
  }
  release?.addEventListener('abort', releaseAll, { once: true })

  async function settle(held: HeldMessage, failure: unknown): Promise<void> {
    if (failure === undefined) {
      await heartbeat.stop(held)
      return receipts.delete(held.receipt)
    }
    const isOver = held.signal.aborted || (failure instanceof AppError && failure.code === 'shutting-down')
    const givenBack = signal.aborted && isOver
    // Our own poll would take it again at once, and use up its receives.
    if (givenBack) await pollsEnded
    const seconds = givenBack || isFinal(failure) ? 0 : secondsUntilRetry(held, retry)
    await heartbeat.stop(held)
    const { messageId, receiveCount } = held
    const level = givenBack ? 'info' : 'warn'
    log[level]({ queueUrl, messageId, receiveCount, seconds, err: failure }, 'message not handled')
    await receipts
      .hide(held.receipt, seconds)
      .catch((error: unknown) => log.debug({ messageId, err: error }, 'message comes back by its timeout'))
  }

  async function runHeld(held: HeldMessage, body: string, handler: MessageHandler): Promise<unknown> {
    const { messageId, receiveCount } = held
    if (release?.aborted) held.abort(givingBack())
    const work = handler({ body, messageId, receiveCount, signal: held.signal })
    const failure = await outcomeOf(work, held, releaseGraceMs)
    await settle(held, failure)
    return failure
  }

  return {
    run(message, handler) {
      const held = heartbeat.start(message)
      const done = runHeld(held, message.Body ?? '', handler).finally(() => running.delete(held))
      running.set(held, done)
      return done
    },
    async whenEmpty() {
      while (running.size > 0) await Promise.allSettled(running.values())
    },
    close() {
      over.cancel()
      heartbeat.close()
      release?.removeEventListener('abort', releaseAll)
    },
  }
}

/** A signal that aborts so long after another, unless that is cancelled. */
function abortAfter(release: AbortSignal | undefined, ms: number): { signal: AbortSignal; cancel: () => void } {
  const over = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const onRelease = () => {
    timer = setTimeout(() => over.abort(), ms)
  }
  if (release?.aborted) onRelease()
  else release?.addEventListener('abort', onRelease, { once: true })
  const cancel = () => {
    clearTimeout(timer)
    release?.removeEventListener('abort', onRelease)
  }
  return { signal: over.signal, cancel }
}

/** What the handler threw; a handler that goes on after its message is taken away is waited for only so long. */
async function outcomeOf(work: Promise<void>, held: HeldMessage, graceMs: number): Promise<unknown> {
  const handled = work.then(
    () => undefined,
    (error: unknown) => error ?? new AppError('internal', 'The handler failed without an error'),
  )
  const given = Promise.withResolvers<unknown>()
  let timer: NodeJS.Timeout | undefined
  const onAbort = () => {
    timer = setTimeout(() => given.resolve(held.signal.reason), graceMs)
  }
  if (held.signal.aborted) onAbort()
  else held.signal.addEventListener('abort', onAbort, { once: true })
  const failure = await Promise.race([handled, given.promise])
  clearTimeout(timer)
  held.signal.removeEventListener('abort', onAbort)
  return failure
}

function secondsUntilRetry({ receiveCount }: HeldMessage, retry: Backoff): number {
  return Math.round(backoffMs(retry, receiveCount, Math.random()) / 1000)
}

function givingBack(): AppError {
  return new AppError('shutting-down', 'The message has to be given back')
}
