/** What is done with received messages: deleting them and moving their visibility, both in batches. */
import { createBatcher } from '../domain/batcher.ts'
import { backoffMs } from '../domain/retry.ts'
import type { Log } from '../ports.ts'
import { pause } from './pause.ts'
import type { SqsCalls } from './sqs-calls.ts'
import { type FailedEntry, isGone } from './sqs-errors.ts'

/** `gone`: the receipt no longer counts, so the message is somebody else's, or nobody's. */
export type ReceiptOutcome = 'done' | 'gone'

export interface MessageReceipts {
  /** Tries several times and never rejects: a message that stays comes back, and its repeat is harmless. */
  delete(receipt: string): Promise<void>
  /** Makes a message invisible for so many seconds from now; 0 gives it back. Rejects when SQS cannot be asked. */
  hide(receipt: string, seconds: number): Promise<ReceiptOutcome>
}

const BATCH = { maxSize: 10, maxInFlight: 2 }
/** Nobody waits for a deletion but the slot it frees; under traffic a few of them share a request. */
const LINGER = { lingerMs: 20, enough: 5 }
const DELETE_TRIES = 5
const DELETE_BACKOFF = { baseMs: 100, maxMs: 2000 }

/** Once `giveUp` aborts nothing is waited for any more, nor tried again. */
export function createMessageReceipts(
  calls: SqsCalls,
  queueUrl: string,
  log: Log,
  giveUp?: AbortSignal,
): MessageReceipts {
  const bounds = giveUp === undefined ? {} : { signal: giveUp }
  const deleteOne = createBatcher<string, ReceiptOutcome>({
    ...BATCH,
    ...LINGER,
    run: async (receipts) => {
      const Entries = receipts.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }))
      const { Failed } = await calls.call('DeleteMessageBatch', { QueueUrl: queueUrl, Entries }, bounds)
      return toOutcomes(receipts, Failed)
    },
  })
  const hideOne = createBatcher<{ receipt: string; seconds: number }, ReceiptOutcome>({
    ...BATCH,
    run: async (wishes) => {
      const Entries = wishes.map(({ receipt, seconds }, index) => ({
        Id: String(index),
        ReceiptHandle: receipt,
        VisibilityTimeout: seconds,
      }))
      const { Failed } = await calls.call('ChangeMessageVisibilityBatch', { QueueUrl: queueUrl, Entries }, bounds)
      return toOutcomes(wishes, Failed)
    },
  })
  return {
    async delete(receipt) {
      for (let tries = 1; ; tries += 1) {
        try {
          await deleteOne(receipt)
          return
        } catch (error) {
          if (tries === DELETE_TRIES || giveUp?.aborted) {
            log.warn({ queueUrl, err: error }, 'handled message not deleted, it will come back')
            return
          }
          await pause(backoffMs(DELETE_BACKOFF, tries, Math.random()), giveUp)
        }
      }
    },
    hide: (receipt, seconds) => hideOne({ receipt, seconds }),
  }
}

function toOutcomes(entries: readonly unknown[], failed: readonly FailedEntry[] = []): (ReceiptOutcome | Error)[] {
  const outcomes: (ReceiptOutcome | Error)[] = entries.map(() => 'done')
  for (const entry of failed) {
    outcomes[Number(entry.Id)] = isGone(entry) ? 'gone' : new Error(`${entry.Code ?? 'failed'}: ${entry.Message ?? ''}`)
  }
  return outcomes
}
