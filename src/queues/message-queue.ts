/** A queue of messages on SQS, or anything that speaks its protocol. */
import { toAppError } from '../domain/errors.ts'
import type { MessageQueue } from '../ports.ts'
import { consumeMessages, type MessageConsumerOptions } from './message-consumer.ts'
import { createMessageSender, type MessageSenderOptions } from './message-sender.ts'
import type { SqsCalls } from './sqs-calls.ts'

export interface MessageQueueOptions extends MessageSenderOptions, MessageConsumerOptions {
  /** For `depth` alone; without it `dead` is 0. */
  readonly deadLetterUrl?: string
}

/** The calls belong to whoever made them, who closes them after the consumers have ended. */
export function createMessageQueue(options: MessageQueueOptions): MessageQueue {
  const { calls, queueUrl, deadLetterUrl } = options
  const send = createMessageSender(options)
  return {
    send: (messages) => Promise.all(messages.map(send)),
    consume: (handler, consumeOptions) => consumeMessages(options, handler, consumeOptions),
    async depth() {
      try {
        const [queue, dead] = await Promise.all([
          countsOf(calls, queueUrl),
          deadLetterUrl === undefined ? undefined : countsOf(calls, deadLetterUrl),
        ])
        return { visible: queue.visible, inFlight: queue.inFlight, dead: (dead?.visible ?? 0) + (dead?.inFlight ?? 0) }
      } catch (error) {
        throw toAppError(error, 'queue-unavailable')
      }
    },
  }
}

async function countsOf(calls: SqsCalls, queueUrl: string): Promise<{ visible: number; inFlight: number }> {
  const { Attributes = {} } = await calls.call('GetQueueAttributes', {
    QueueUrl: queueUrl,
    AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
  })
  return {
    visible: Number(Attributes.ApproximateNumberOfMessages ?? 0),
    inFlight: Number(Attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
  }
}
