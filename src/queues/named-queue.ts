import type { SQSClient } from '@aws-sdk/client-sqs'
import { AppError } from '../domain/errors.ts'
import type { MessageQueue } from '../ports.ts'
import { createOutage } from './consumer-parts.ts'
import { createMessageQueue, type MessageQueueOptions } from './message-queue.ts'
import { unlessAborted } from './pause.ts'
import { findQueueUrl } from './sqs-client.ts'

export interface NamedQueueOptions extends Omit<MessageQueueOptions, 'queueUrl' | 'deadLetterUrl'> {
  readonly name: string
  /** Looks queues up by their names. */
  readonly client: SQSClient
  /** None for a dead-letter queue itself. */
  readonly deadLetterName?: string
  /** Where the queue is, when that is known; else it is looked up by its name. */
  readonly url: string | undefined
}

const LOOK_AGAIN = { baseMs: 500, maxMs: 5_000 }

/** A queue found on first use, so that a process may start before its queues exist; it then looks again. */
export function createNamedQueue(options: NamedQueueOptions): MessageQueue {
  const { name, log } = options
  let found: Promise<MessageQueue> | undefined
  const queue = (): Promise<MessageQueue> => {
    found ??= locate(options).then(createMessageQueue)
    found.catch(() => {
      found = undefined
    })
    return found
  }
  return {
    send: async (messages) => (await queue()).send(messages),
    depth: async () => (await queue()).depth(),
    consume: async (handler, consumeOptions) => {
      const { signal } = consumeOptions
      const outage = createOutage({ queue: name }, LOOK_AGAIN, signal, log)
      while (!signal.aborted) {
        const ready = await unlessAborted(queue(), signal).catch(outage.failed)
        if (ready === undefined) continue
        outage.ended()
        return ready.consume(handler, consumeOptions)
      }
    },
  }
}

async function locate(options: NamedQueueOptions): Promise<MessageQueueOptions> {
  const { name, deadLetterName, url, client, ...rest } = options
  const queueUrl = url ?? (await findQueueUrl(client, name))
  if (queueUrl === undefined) {
    throw new AppError('queue-unavailable', `There is no queue ${name}. Run npm run provision, or set its URL.`)
  }
  const deadLetterUrl = deadLetterName === undefined ? undefined : await findQueueUrl(client, deadLetterName)
  return { ...rest, queueUrl, ...(deadLetterUrl === undefined ? {} : { deadLetterUrl }) }
}
