/**
 * Sends messages to SQS in batches, whoever calls. Every message has its own outcome: a batch reply can fail single
 * entries with HTTP 200, and a batch that is refused whole is sent again in halves until the one at fault is alone.
 */
import type { SendMessageBatchRequest } from '@aws-sdk/client-sqs'
import { createBatcher } from '../domain/batcher.ts'
import { type AppError, toAppError } from '../domain/errors.ts'
import type { Log, OutgoingMessage } from '../ports.ts'
import type { SqsCalls } from './sqs-calls.ts'
import { codeOf, type FailedEntry, isGroupRefused, isRefusal, toSendError } from './sqs-errors.ts'

export interface MessageSenderOptions {
  readonly calls: SqsCalls
  readonly queueUrl: string
  readonly log: Log
  /** Batches on their way at the same time. Default 4. */
  readonly sendsInFlight?: number
  /** Gathers this long while traffic flows: fewer requests for a little latency. Default 20. */
  readonly lingerMs?: number
}

type Outcome = 'sent' | AppError

/** A batch call may carry 10 entries and 1 MiB in all; the rest of the MiB is for attributes and envelopes. */
const MAX_ENTRIES = 10
const MAX_BATCH_BYTES = 900_000
/** A consumer whose every handler waits to send brings no more: so many go without waiting for others. */
const ENOUGH = 5
const ATTRIBUTES = { job_type: { DataType: 'String', StringValue: 'audio_analysis' } }

/** Bodies are JSON. The returned function never rejects: it resolves with undefined when sent, else with the reason why not. */
export function createMessageSender(
  options: MessageSenderOptions,
): (message: OutgoingMessage) => Promise<AppError | undefined> {
  const { calls, queueUrl, log, sendsInFlight = 4, lingerMs = 20 } = options
  let withGroups = true

  async function sendBatch(messages: readonly OutgoingMessage[]): Promise<Outcome[]> {
    const asGroups = withGroups
    try {
      const { Failed = [], Successful = [] } = await calls.call(
        'SendMessageBatch',
        toBatch(queueUrl, messages, asGroups),
      )
      for (const { Id, MessageId } of Successful) if (MessageId !== undefined) messages[Number(Id)]?.onSent?.(MessageId)
      if (asGroups && Failed.some(({ Code, Message }) => isGroupRefused(Code, Message)))
        return sendUngrouped(messages, Failed)
      return toOutcomes(messages, Failed)
    } catch (error) {
      if (asGroups && isGroupRefused(codeOf(error), String(error))) return sendUngrouped(messages)
      if (!isRefusal(error)) return messages.map(() => toAppError(error, 'queue-unavailable'))
      if (messages.length === 1) return [toSendError(codeOf(error), error)]
      const middle = Math.ceil(messages.length / 2)
      return [...(await sendBatch(messages.slice(0, middle))), ...(await sendBatch(messages.slice(middle)))]
    }
  }

  /** Sends again without groups what was refused because of them: all, or the failed entries of a reply. */
  async function sendUngrouped(messages: readonly OutgoingMessage[], failed?: readonly FailedEntry[]) {
    if (withGroups) log.info({ queueUrl }, 'the queue takes no message groups')
    withGroups = false
    if (failed === undefined) return sendBatch(messages)
    const outcomes: Outcome[] = messages.map(() => 'sent')
    const again = failed.map(({ Id }) => Number(Id))
    const results = await sendBatch(again.map((index) => messages[index]!))
    again.forEach((index, i) => {
      outcomes[index] = results[i]!
    })
    return outcomes
  }

  const send = createBatcher<OutgoingMessage, Outcome>({
    maxSize: MAX_ENTRIES,
    maxInFlight: sendsInFlight,
    maxBytes: MAX_BATCH_BYTES,
    sizeOf: ({ body, groupId }) => Buffer.byteLength(body) + groupId.length,
    lingerMs,
    enough: ENOUGH,
    run: sendBatch,
  })
  return async (message) => {
    try {
      await send({ ...message, body: escapeNoncharacters(message.body) })
      return undefined
    } catch (error) {
      return toAppError(error, 'queue-unavailable')
    }
  }
}

/**
 * SQS takes the characters of XML 1.0, which JSON writes raw but for these two:
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
 */
function escapeNoncharacters(json: string): string {
  return json.replaceAll('\uFFFE', '\\ufffe').replaceAll('\uFFFF', '\\uffff')
}

function toBatch(queueUrl: string, messages: readonly OutgoingMessage[], withGroups: boolean): SendMessageBatchRequest {
  return {
    QueueUrl: queueUrl,
    Entries: messages.map(({ body, groupId }, index) => ({
      Id: String(index),
      MessageBody: body,
      MessageAttributes: ATTRIBUTES,
      ...(withGroups ? { MessageGroupId: groupId } : {}),
    })),
  }
}

function toOutcomes(messages: readonly unknown[], failed: readonly FailedEntry[]): Outcome[] {
  const outcomes: Outcome[] = messages.map(() => 'sent')
  for (const { Id, Code, Message } of failed) {
    outcomes[Number(Id)] = toSendError(Code, new Error(`${Code ?? 'failed'}: ${Message ?? ''}`))
  }
  return outcomes
}
