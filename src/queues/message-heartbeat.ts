/** Keeps held messages invisible for as long as they are handled, within what SQS allows. */
import type { Message } from '@aws-sdk/client-sqs'
import { AppError } from '../domain/errors.ts'
import type { Log } from '../ports.ts'
import type { MessageReceipts } from './message-receipts.ts'

export interface HeldMessage {
  readonly receipt: string
  readonly messageId: string
  /** From 1. */
  readonly receiveCount: number
  /** Aborts when the message has to be given back. */
  readonly signal: AbortSignal
  abort(reason: AppError): void
}

export interface Heartbeat {
  /** Counts from now: call it as soon as the message is received. */
  start(message: Message): HeldMessage
  /** Ends the extensions of a message; resolves when none is on its way any more. */
  stop(held: HeldMessage): Promise<void>
  close(): void
}

interface Beat {
  readonly receivedMs: number
  extendedMs: number
  underway?: Promise<void>
}

/** SQS takes a message away 12 hours after its receive, however often it was extended; a minute is kept for the way. */
const MAX_TOTAL_S = 12 * 3600 - 60

/** `now` counts milliseconds and never goes back. */
export function createHeartbeat(
  receipts: MessageReceipts,
  visibilityTimeoutS: number,
  log: Log,
  now: () => number = () => performance.now(),
): Heartbeat {
  const beats = new Map<HeldMessage, Beat>()
  const intervalMs = (visibilityTimeoutS * 1000) / 3
  const timer = setInterval(beatAll, intervalMs)

  function beatAll(): void {
    const nowMs = now()
    for (const [held, beat] of beats) {
      if (beat.underway !== undefined || nowMs - beat.extendedMs < intervalMs / 2) continue
      beat.underway = extend(held, beat, nowMs).finally(() => {
        delete beat.underway
      })
    }
  }

  async function extend(held: HeldMessage, beat: Beat, nowMs: number): Promise<void> {
    const { messageId } = held
    const leftS = Math.floor(MAX_TOTAL_S - (nowMs - beat.receivedMs) / 1000)
    if (leftS <= 0) {
      beats.delete(held)
      return held.abort(new AppError('shutting-down', 'The message was held as long as the queue allows'))
    }
    try {
      const outcome = await receipts.hide(held.receipt, Math.min(visibilityTimeoutS, leftS))
      beat.extendedMs = nowMs
      if (outcome === 'done') return
      beats.delete(held)
      log.warn({ messageId }, 'message no longer ours, its handling may be repeated')
    } catch (error) {
      log.debug({ messageId, err: error }, 'message not extended')
    }
  }

  return {
    start(message) {
      const controller = new AbortController()
      const held: HeldMessage = {
        receipt: message.ReceiptHandle ?? '',
        messageId: message.MessageId ?? '',
        receiveCount: Number(message.Attributes?.ApproximateReceiveCount ?? 1),
        signal: controller.signal,
        abort: (reason) => controller.abort(reason),
      }
      const nowMs = now()
      beats.set(held, { receivedMs: nowMs, extendedMs: nowMs })
      return held
    },
    async stop(held) {
      const beat = beats.get(held)
      beats.delete(held)
      await beat?.underway
    },
    close: () => clearInterval(timer),
  }
}
