/** S3: the bucket, what we do in it, and what it does by itself. */
import { randomUUID } from 'node:crypto'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { isBucketCorsAsWanted } from '../../infra/bucket-cors.ts'
import { missingLifecycleRules } from '../../infra/bucket-lifecycle.ts'
import { isUnsupported } from '../../infra/provision.ts'
import { type Config, parseOrigins } from '../../src/config.ts'
import { createS3Client } from '../../src/storage/object-store.ts'
import { checkClock, mendOfAws, watchClock } from './aws.ts'
import { type Check, type Finding, fault, ok, warning } from './check.ts'

/** No sweep and no listing of ours looks here. */
const PROBE_PREFIX = 'doctor/'
const PROVISION = 'npm run provision'

export function checkS3(config: Config): Check {
  const { awsRegion: region, awsEndpointUrl: endpoint, s3Bucket: bucket } = config
  return {
    name: 's3',
    async run(signal) {
      const s3 = createS3Client({ region, ...(endpoint === undefined ? {} : { endpoint }) })
      try {
        const clock = watchClock(s3)
        if (!(await isThere(s3, bucket, signal))) {
          return [fault(`there is no bucket ${bucket}`, `${PROVISION}, or mend S3_BUCKET`), ...checkClock(clock)]
        }
        return [
          await checkProbe(s3, bucket, signal),
          await checkLifecycle(s3, bucket),
          ...(await checkCors(s3, bucket, parseOrigins(config.corsOrigins))),
          ...checkClock(clock),
        ]
      } finally {
        s3.destroy()
      }
    },
    mendOf: mendOfAws,
  }
}

async function isThere(s3: S3Client, bucket: string, abortSignal: AbortSignal): Promise<boolean> {
  try {
    await s3.send(new HeadBucketCommand({ Bucket: bucket }), { abortSignal })
    return true
  } catch (error) {
    if ((error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 404) return false
    throw error
  }
}

/** Writes, reads and deletes; what was written goes also when reading fails. */
async function checkProbe(s3: S3Client, bucket: string, abortSignal: AbortSignal): Promise<Finding> {
  const place = { Bucket: bucket, Key: `${PROBE_PREFIX}${randomUUID()}` }
  const written = randomUUID()
  await s3.send(new PutObjectCommand({ ...place, Body: written }), { abortSignal })
  try {
    const { Body } = await s3.send(new GetObjectCommand(place), { abortSignal })
    const read = await Body?.transformToString()
    if (read !== written) return fault(`bucket ${bucket} gives back something else than was written`, 'mend the store')
  } finally {
    await s3.send(new DeleteObjectCommand(place), { abortSignal })
  }
  return ok(`bucket ${bucket} takes, gives back and deletes objects`)
}

async function checkLifecycle(s3: S3Client, bucket: string): Promise<Finding> {
  try {
    const missing = await missingLifecycleRules(s3, bucket)
    if (missing.length === 0) return ok('the bucket clears up broken uploads by itself')
    return warning(`the bucket lacks the lifecycle rules ${missing.join(', ')}: broken uploads cost money`, PROVISION)
  } catch (error) {
    if (!isUnsupported(error)) throw error
    return warning('this endpoint has no bucket lifecycle', 'delete parts of broken uploads by hand now and then')
  }
}

async function checkCors(s3: S3Client, bucket: string, origins: readonly string[]): Promise<Finding[]> {
  if (origins.length === 0) return []
  try {
    if (await isBucketCorsAsWanted(s3, bucket, origins))
      return [ok(`pages of ${origins.join(', ')} may send to the bucket`)]
    const mend = `${PROVISION}; where the endpoint has no CORS, put something before it that answers preflights`
    return [fault(`pages of ${origins.join(', ')} cannot send to the bucket: its CORS rule differs`, mend)]
  } catch (error) {
    if (!isUnsupported(error)) throw error
    return [warning('this endpoint has no bucket CORS', 'put something before it that answers preflights')]
  }
}
