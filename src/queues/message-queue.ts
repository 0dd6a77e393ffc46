/** A queue of messages on SQS, or anything that speaks its protocol. */
import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs'
import { toAppError } from '../domain/errors.ts'
import type { MessageQueue } from '../ports.ts'
import { consumeMessages, type MessageConsumerOptions } from './message-consumer.ts'
import { createMessageSender, type MessageSenderOptions } from './message-sender.ts'
import { BOUNDED } from './sqs-errors.ts'

export interface MessageQueueOptions extends MessageSenderOptions, MessageConsumerOptions {
  /** For `depth` alone; without it `dead` is 0. */
  readonly deadLetterUrl?: string
}

/** The client belongs to the caller, who destroys it after the consumers have ended. */
export function createMessageQueue(options: MessageQueueOptions): MessageQueue {
  const { client, queueUrl, deadLetterUrl } = options
  const send = createMessageSender(options)
  return {
    send: (messages) => Promise.all(messages.map(send)),
    consume: (handler, consumeOptions) => consumeMessages(options, handler, consumeOptions),
    async depth() {
      try {
        const [queue, dead] = await Promise.all([
          countsOf(client, queueUrl),
          deadLetterUrl === undefined ? undefined : countsOf(client, deadLetterUrl),
        ])
        return { visible: queue.visible, inFlight: queue.inFlight, dead: (dead?.visible ?? 0) + (dead?.inFlight ?? 0) }
      } catch (error) {
        throw toAppError(error, 'queue-unavailable')
      }
    },
  }
}

async function countsOf(client: SQSClient, queueUrl: string): Promise<{ visible: number; inFlight: number }> {
  const command = new GetQueueAttributesCommand({
    QueueUrl: queueUrl,
    AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
  })
  const { Attributes = {} } = await client.send(command, BOUNDED)
  return {
    visible: Number(Attributes.ApproximateNumberOfMessages ?? 0),
    inFlight: Number(Attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
  }
}
