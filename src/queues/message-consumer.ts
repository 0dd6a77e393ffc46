/**
 * A consumer of SQS. One message's way:
 *
 *   received ─▶ held: invisible, extended by the heartbeat ─▶ handler returns ─▶ deleted
 *                 │                                        └▶ handler throws ─▶ visible again after a backoff,
 *                 │                                             at once if the error is final: the redrive policy
 *                 │                                             then takes it to the dead-letter queue soon
 *                 └▶ given back (visibility 0) when the consumer stops before the handler started, or is released
 */
import { type Message, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs'
import { AppError, isFinal } from '../domain/errors.ts'
import { type Backoff, backoffMs } from '../domain/retry.ts'
import type { ConsumeOptions, Log, ReceivedMessage } from '../ports.ts'
import { createGate, createOutage, createSlots } from './consumer-parts.ts'
import { createHeartbeat, type HeldMessage } from './message-heartbeat.ts'
import { createMessageReceipts } from './message-receipts.ts'
import { aborted, endsWithin } from './pause.ts'
import { REQUEST_TIMEOUT_MS } from './sqs-errors.ts'

export interface MessageConsumerOptions {
  readonly client: SQSClient
  readonly queueUrl: string
  readonly log: Log
  /** How long a received message stays invisible unless extended; extended at a third of it. */
  readonly visibilityTimeoutS: number
  /** Longest wait of one receive, 0–20 s. Default 20. */
  readonly waitTimeS?: number
  /** Delay before a message that failed comes back, by its receive count. Default 2 s doubling to 5 min. */
  readonly retry?: Backoff
  /** Pace of tries while SQS is away. Default 200 ms doubling to 5 s. */
  readonly outage?: Backoff
  /** How long a stop leaves a running poll to answer, so that what it brings is given back. Default 1 s. */
  readonly stopGraceMs?: number
  /** How long a released handler may take to end. Default 2 s. */
  readonly releaseGraceMs?: number
}

type Handler = (message: ReceivedMessage) => Promise<void>

const MAX_RECEIVE = 10

/** Consumes until the signal aborts; resolves when everything held is deleted or given back. */
export async function consumeMessages(
  options: MessageConsumerOptions,
  handler: Handler,
  { concurrency, signal, release, probe }: ConsumeOptions & { readonly probe?: () => Promise<void> },
): Promise<void> {
  const { queueUrl, log, outage: pace = { baseMs: 200, maxMs: 5000 }, stopGraceMs = 1000 } = options
  const slots = createSlots(concurrency)
  const gate = createGate(probe, signal, log)
  const outage = createOutage({ queueUrl }, pace, signal, log)
  const pollsOver = new AbortController()
  const polls = Promise.withResolvers<void>()
  const holder = createHolder(options, { signal, release, pollsEnded: polls.promise })

  /** Receives once and starts what came; true when the answer was full, so that there may be more at once. */
  async function receiveOnce(waitTimeS: number): Promise<boolean> {
    const taken = await slots.take(MAX_RECEIVE, signal)
    if (taken === 0 || !(await gate.whenOpen())) return false
    const messages = await receive(options, taken, waitTimeS, pollsOver.signal).catch(async (error: unknown) => {
      if (!pollsOver.signal.aborted) await outage.failed(error)
      return undefined
    })
    if (messages !== undefined) outage.ended()
    slots.give(taken - (messages?.length ?? 0))
    for (const message of messages ?? []) void hold(message).finally(() => slots.give(1))
    return messages?.length === MAX_RECEIVE
  }

  /**
   * One long poll at a time, and a second receiver only while answers come back full: an idle consumer costs one
   * request per wait, and no second poll takes up at once what a stop gives back.
   */
  async function receiveAll(): Promise<void> {
    let helper: Promise<void> | undefined
    while (!signal.aborted) {
      const isFull = await receiveOnce(options.waitTimeS ?? 20)
      if (isFull) helper ??= receiveWhileFull().finally(() => (helper = undefined))
    }
    await helper
  }

  async function receiveWhileFull(): Promise<void> {
    while (!signal.aborted && (await receiveOnce(0)));
  }

  async function hold(message: Message): Promise<void> {
    const failure = await holder.run(message, async (received) => {
      if (!(await gate.whenOpen())) throw new AppError('shutting-down', 'The consumer is stopping')
      await handler(received)
    })
    if (failure !== undefined && !isFinal(failure) && !signal.aborted) gate.shut()
  }

  const receiving = receiveAll()
  await aborted(signal)
  await endsWithin(receiving, stopGraceMs)
  pollsOver.abort()
  await receiving
  polls.resolve()
  await holder.whenEmpty()
  holder.close()
}

/** Keeps messages invisible while they are handled, and settles each by its outcome. */
function createHolder(
  options: MessageConsumerOptions,
  stop: { signal: AbortSignal; release: AbortSignal | undefined; pollsEnded: Promise<void> },
) {
  const { client, queueUrl, log, visibilityTimeoutS, releaseGraceMs = 2000 } = options
  const { retry = { baseMs: 2000, maxMs: 300_000 } } = options
  const { signal, release, pollsEnded } = stop
  const receipts = createMessageReceipts(client, queueUrl, log)
  const heartbeat = createHeartbeat(receipts, visibilityTimeoutS, log)
  const running = new Map<HeldMessage, Promise<unknown>>()

  function releaseAll(): void {
    for (const held of running.keys()) held.abort(new AppError('shutting-down', 'The message has to be given back'))
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

  async function runHeld(held: HeldMessage, body: string, handler: Handler): Promise<unknown> {
    const { messageId, receiveCount } = held
    if (release?.aborted) held.abort(new AppError('shutting-down', 'The message has to be given back'))
    const failure = await outcomeOf(
      handler({ body, messageId, receiveCount, signal: held.signal }),
      held,
      releaseGraceMs,
    )
    await settle(held, failure)
    return failure
  }

  return {
    /** Resolves when the message is settled: with undefined when handled, else with what the handler threw. */
    run(message: Message, handler: Handler): Promise<unknown> {
      const held = heartbeat.start(message)
      const done = runHeld(held, message.Body ?? '', handler).finally(() => running.delete(held))
      running.set(held, done)
      return done
    },
    async whenEmpty() {
      while (running.size > 0) await Promise.allSettled(running.values())
    },
    close() {
      heartbeat.close()
      release?.removeEventListener('abort', releaseAll)
    },
  }
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

async function receive(
  { client, queueUrl, visibilityTimeoutS }: MessageConsumerOptions,
  most: number,
  waitTimeS: number,
  signal: AbortSignal,
): Promise<Message[]> {
  const command = new ReceiveMessageCommand({
    QueueUrl: queueUrl,
    MaxNumberOfMessages: most,
    WaitTimeSeconds: waitTimeS,
    VisibilityTimeout: visibilityTimeoutS,
    // The older name of the parameter, which every endpoint knows; it brings the receive count.
    AttributeNames: ['All'],
  })
  const requestTimeout = waitTimeS * 1000 + REQUEST_TIMEOUT_MS
  const { Messages = [] } = await client.send(command, { abortSignal: signal, requestTimeout })
  return Messages
}
