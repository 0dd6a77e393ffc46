/**
 * A consumer of SQS. One message's way:
 *
 *   received ─▶ held: invisible, extended by the heartbeat ─▶ handler returns ─▶ deleted
 *                 │                                        └▶ handler throws ─▶ visible again after a backoff,
 *                 │                                             at once if the error is final: the redrive policy
 *                 │                                             then takes it to the dead-letter queue soon
 *                 └▶ given back (visibility 0) when the consumer stops before the handler started, or is released
 */
import type { Message, ReceiveMessageRequest } from '@aws-sdk/client-sqs'
import { AppError, isFinal } from '../domain/errors.ts'
import type { Backoff } from '../domain/retry.ts'
import type { ConsumeOptions } from '../ports.ts'
import { createGate, createOutage, createSlots } from './consumer-parts.ts'
import { createMessageHolder, type MessageHandler, type MessageHolderOptions } from './message-holder.ts'
import { aborted, endsWithin } from './pause.ts'
import { ANSWER_TIMEOUT_MS } from './sqs-calls.ts'

export interface MessageConsumerOptions extends MessageHolderOptions {
  /** Longest wait of one receive, 0–20 s. Default 20 on AWS, else 1. */
  readonly waitTimeS?: number
  /** Pace of tries while SQS is away. Default 200 ms doubling to 5 s. */
  readonly outage?: Backoff
  /** How long a stop leaves a running poll to answer, so that what it brings is given back. Default 1 s, else 1.5 s. */
  readonly stopGraceMs?: number
}

const MAX_RECEIVE = 10

/** Consumes until the signal aborts; resolves when everything held is deleted or given back. */
export async function consumeMessages(
  options: MessageConsumerOptions,
  handler: MessageHandler,
  { concurrency, signal, release, probe }: ConsumeOptions & { readonly probe?: () => Promise<void> },
): Promise<void> {
  const { queueUrl, log, outage: pace = { baseMs: 200, maxMs: 5000 } } = options
  const { waitTimeS, stopGraceMs } = { ...defaultPolling(queueUrl), ...options }
  const slots = createSlots(concurrency)
  const gate = createGate(probe, signal, log)
  const outage = createOutage({ queueUrl }, pace, signal, log)
  const pollsOver = new AbortController()
  const polls = Promise.withResolvers<void>()
  const holder = createMessageHolder(options, { signal, release, pollsEnded: polls.promise })

  /** Receives once and starts what came; true when the answer was full, so that there may be more at once. */
  async function receiveOnce(waitS: number): Promise<boolean> {
    const taken = await slots.take(MAX_RECEIVE, signal)
    if (taken === 0 || !(await gate.whenOpen())) return false
    const messages = await receive(options, taken, waitS, pollsOver.signal).catch(async (error: unknown) => {
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
      const isFull = await receiveOnce(waitTimeS)
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

/**
 * AWS notices when a poll's connection ends. An emulator may not (fauxqs 2.4.1): it goes on waiting, hands what comes to
 * nobody, and the message is away for a whole visibility timeout. There polls are short and a stop waits for them.
 */
function defaultPolling(queueUrl: string): { waitTimeS: number; stopGraceMs: number } {
  const isAws = new URL(queueUrl).hostname.includes('.amazonaws.com')
  return isAws ? { waitTimeS: 20, stopGraceMs: 1000 } : { waitTimeS: 1, stopGraceMs: 1500 }
}

async function receive(
  { calls, queueUrl, visibilityTimeoutS }: MessageConsumerOptions,
  most: number,
  waitTimeS: number,
  signal: AbortSignal,
): Promise<Message[]> {
  const wish: ReceiveMessageRequest = {
    QueueUrl: queueUrl,
    MaxNumberOfMessages: most,
    WaitTimeSeconds: waitTimeS,
    VisibilityTimeout: visibilityTimeoutS,
    // The older name of the parameter, which every endpoint knows; it brings the receive count.
    AttributeNames: ['All'],
  }
  const timeoutMs = waitTimeS * 1000 + ANSWER_TIMEOUT_MS
  const { Messages = [] } = await calls.call('ReceiveMessage', wish, { signal, timeoutMs })
  return Messages
}
