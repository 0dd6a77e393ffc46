import { randomUUID } from 'node:crypto'
import { after } from 'node:test'
import { startAwsEmulator } from '../../src/embedded/aws-emulator.ts'

export interface TestAws {
  /** S3 (path style) and SQS. */
  readonly endpoint: string
  readonly region: string
  /** What an SDK client needs: `new S3Client(aws.client)`, `new SQSClient(aws.client)`. */
  readonly client: {
    readonly endpoint: string
    readonly region: string
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
    readonly forcePathStyle: true
    readonly useQueueUrlAsEndpoint: false
  }
  /** The same for a process of its own, as environment variables. */
  readonly env: Readonly<Record<string, string>>
  /** A bucket name of this test file alone; the bucket is not made. */
  readonly bucket: string
  /** A name of this test file alone for a queue; the queue is not made. */
  queueName(name: string): string
  /** An outage, where this file started the endpoint itself. */
  stop(): Promise<void>
}

/**
 * The one place where tests get S3 and SQS from: `AWS_ENDPOINT_URL` when set, LocalStack in Docker with
 * `TEST_AWS=localstack`, else fauxqs in this process. Ends with the file's tests.
 */
export async function startTestAws(): Promise<TestAws> {
  const { endpoint, stop } = await startEndpoint()
  after(stop)
  const file = randomUUID().slice(0, 8)
  const region = process.env.AWS_REGION ?? 'us-east-1'
  const accessKeyId = process.env.AWS_ACCESS_KEY_ID ?? 'test'
  const secretAccessKey = process.env.AWS_SECRET_ACCESS_KEY ?? 'test'
  const credentials = { accessKeyId, secretAccessKey }
  return {
    endpoint,
    region,
    client: { endpoint, region, credentials, forcePathStyle: true, useQueueUrlAsEndpoint: false },
    env: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    },
    bucket: `test-${file}`,
    queueName: (name) => `test-${file}-${name}`,
    stop,
  }
}

async function startEndpoint(): Promise<{ endpoint: string; stop(): Promise<void> }> {
  const given = process.env.AWS_ENDPOINT_URL
  if (given !== undefined) return { endpoint: given, stop: async () => {} }
  if (process.env.TEST_AWS !== 'localstack') return startAwsEmulator()
  // Loaded only here: it is large, and few ask for it.
  const { startLocalStack } = await import('./localstack.ts')
  return startLocalStack()
}
