/** Clients of SQS: the SDK's own, for what is seldom asked; the rest goes through sqs-calls.ts. */
import { GetQueueUrlCommand, QueueDoesNotExist, SQSClient, type SQSClientConfig } from '@aws-sdk/client-sqs'
import { toAppError } from '../domain/errors.ts'

export interface SqsClientOptions {
  readonly region: string
  /** Any SQS-compatible endpoint; without it AWS. */
  readonly endpoint?: string
  /** Without them the SDK's own chain: environment, profile, role. */
  readonly credentials?: NonNullable<SQSClientConfig['credentials']>
}

export function createSqsClient({ region, endpoint, credentials }: SqsClientOptions): SQSClient {
  return new SQSClient({
    region,
    // Emulators put names into queue URLs that only they can resolve.
    ...(endpoint === undefined ? {} : { endpoint, useQueueUrlAsEndpoint: false }),
    ...(credentials === undefined ? {} : { credentials }),
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 3000, socketTimeout: 60_000, throwOnRequestTimeout: true },
  })
}

/** The URL of a queue by its name; undefined when there is none. Throws `queue-unavailable`. */
export async function findQueueUrl(client: SQSClient, name: string): Promise<string | undefined> {
  try {
    const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: name }), { requestTimeout: 10_000 })
    return QueueUrl
  } catch (error) {
    if (error instanceof QueueDoesNotExist) return undefined
    throw toAppError(error, 'queue-unavailable')
  }
}
