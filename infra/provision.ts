/**
 * Makes the bucket and the queues of the topology, and mends what differs from it. A repeat changes nothing, and two
 * runs at once end alike: everything is made plain first, then brought to the wanted attributes.
 */
import {
  type BucketLocationConstraint,
  CreateBucketCommand,
  HeadBucketCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SetQueueAttributesCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs'
import type { Log } from '../src/ports.ts'
import { ensureBucketCors } from './bucket-cors.ts'
import { ensureBucketLifecycle } from './bucket-lifecycle.ts'
import {
  differingAttributes,
  type QueueAttributes,
  wantedAttributes,
  wantedDeadLetterAttributes,
} from './queue-attributes.ts'
import { type QueueTopology, TOPOLOGY } from './topology.ts'

export interface ProvisionOptions {
  readonly s3: S3Client
  readonly sqs: SQSClient
  readonly bucket: string
  readonly log: Log
  /** Whose pages may send to the bucket (default none). */
  readonly corsOrigins?: readonly string[]
  /** Other names than the topology's; their dead-letter queues end in `-dlq`. */
  readonly names?: { readonly analysisQueue?: string; readonly resultQueue?: string }
}

export interface ProvisionedQueue {
  readonly url: string
  readonly deadLetterUrl: string
}

export interface Provisioned {
  readonly analysisQueue: ProvisionedQueue
  readonly resultQueue: ProvisionedQueue
}

/** Throws the SDK's error when the endpoint does not answer or refuses; running it again goes on from there. */
export async function provision({
  s3,
  sqs,
  bucket,
  log,
  names = {},
  corsOrigins = [],
}: ProvisionOptions): Promise<Provisioned> {
  await provisionBucket(s3, bucket, log)
  await provisionCors(s3, bucket, corsOrigins, log)
  return {
    analysisQueue: await provisionQueue(sqs, renamed(TOPOLOGY.analysisQueue, names.analysisQueue), log),
    resultQueue: await provisionQueue(sqs, renamed(TOPOLOGY.resultQueue, names.resultQueue), log),
  }
}

/** The names of queues whose URLs are known; the others have the topology's. */
export function queueNamesOf(urls: {
  readonly sqsQueueUrl?: string | undefined
  readonly sqsResultQueueUrl?: string | undefined
}): NonNullable<ProvisionOptions['names']> {
  const analysisQueue = queueNameIn(urls.sqsQueueUrl)
  const resultQueue = queueNameIn(urls.sqsResultQueueUrl)
  return { ...(analysisQueue && { analysisQueue }), ...(resultQueue && { resultQueue }) }
}

/** A queue's name is the last part of its URL. */
export function queueNameIn(url: string | undefined): string | undefined {
  return url && new URL(url).pathname.split('/').at(-1)
}

/** The topology of a queue under another name. */
export function renamed(topology: QueueTopology, name: string | undefined): QueueTopology {
  return name === undefined ? topology : { ...topology, name, deadLetterName: `${name}-dlq` }
}

// ---------------------------------------------------------------- queues

async function provisionQueue(sqs: SQSClient, topology: QueueTopology, log: Log): Promise<ProvisionedQueue> {
  const { name, deadLetterName } = topology
  const deadLetter = await ensureQueue(sqs, deadLetterName, log, wantedDeadLetterAttributes(topology))
  const queue = await ensureQueue(sqs, name, log, wantedAttributes(topology, deadLetter.arn))
  return { url: queue.url, deadLetterUrl: deadLetter.url }
}

async function ensureQueue(sqs: SQSClient, name: string, log: Log, wanted: QueueAttributes) {
  // Without attributes: with them the call is refused when the queue exists and differs.
  const { QueueUrl: url = '' } = await sqs.send(new CreateQueueCommand({ QueueName: name }))
  const { Attributes: found = {} } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }),
  )
  const differing = differingAttributes(wanted, found)
  const attributes = Object.keys(differing)
  if (attributes.length > 0) {
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes: differing }))
    log.info({ queue: name, attributes }, 'queue attributes set')
  }
  return { url, arn: found.QueueArn ?? '' }
}

// ---------------------------------------------------------------- bucket

async function provisionBucket(s3: S3Client, bucket: string, log: Log): Promise<void> {
  if (!(await bucketExists(s3, bucket))) {
    await createBucket(s3, bucket)
    log.info({ bucket }, 'bucket made')
  }
  try {
    if (await ensureBucketLifecycle(s3, bucket)) log.info({ bucket }, 'bucket lifecycle set')
  } catch (error) {
    if (!isUnsupported(error)) throw error
    log.warn({ bucket }, 'this endpoint has no bucket lifecycle: parts of broken uploads stay')
  }
}

async function bucketExists(s3: S3Client, bucket: string): Promise<boolean> {
  try {
    await s3.send(new HeadBucketCommand({ Bucket: bucket }))
    return true
  } catch (error) {
    if (statusOf(error) === 404) return false
    throw error
  }
}

async function createBucket(s3: S3Client, bucket: string): Promise<void> {
  const region = await s3.config.region()
  // The first region is the one that must not be named.
  const place = region === 'us-east-1' ? {} : { LocationConstraint: region as BucketLocationConstraint }
  try {
    await s3.send(new CreateBucketCommand({ Bucket: bucket, CreateBucketConfiguration: place }))
  } catch (error) {
    // Somebody else was faster. If that was not us, the next request to the bucket is refused.
    if (!(await bucketExists(s3, bucket))) throw error
  }
}

async function provisionCors(s3: S3Client, bucket: string, origins: readonly string[], log: Log): Promise<void> {
  try {
    if (await ensureBucketCors(s3, bucket, origins)) log.info({ bucket, origins }, 'bucket CORS set')
  } catch (error) {
    if (!isUnsupported(error)) throw error
    log.warn(
      { bucket },
      'this endpoint has no bucket CORS: pages cannot send to it unless something before it allows it',
    )
  }
}

/** True when an endpoint does not have what was asked of it. */
export function isUnsupported(error: unknown): boolean {
  return [405, 501].includes(statusOf(error) ?? 0) || /NotImplemented|NotSupported/.test(String(error))
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
}
