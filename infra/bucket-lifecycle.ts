/** When S3 itself clears up in the bucket. */
import {
  GetBucketLifecycleConfigurationCommand,
  type LifecycleRule,
  PutBucketLifecycleConfigurationCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { TOPOLOGY } from './topology.ts'

const LIFECYCLE_RULES: readonly LifecycleRule[] = [
  {
    ID: 'tonewire-abort-incomplete-uploads',
    Status: 'Enabled',
    Filter: { Prefix: '' },
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: TOPOLOGY.bucket.abortIncompleteUploadsAfterDays },
  },
  {
    ID: 'tonewire-expire-staging',
    Status: 'Enabled',
    Filter: { Prefix: TOPOLOGY.bucket.staging.prefix },
    Expiration: { Days: TOPOLOGY.bucket.staging.expireAfterDays },
  },
]

/** The ids of the topology's rules that are missing or differ. Throws the SDK's error, also where there is no lifecycle. */
export async function missingLifecycleRules(s3: S3Client, bucket: string): Promise<string[]> {
  return missingFrom(await readRules(s3, bucket))
}

/** A lifecycle is written whole: rules that are not ours are kept. True when something was changed. */
export async function ensureBucketLifecycle(s3: S3Client, bucket: string): Promise<boolean> {
  const rules = await readRules(s3, bucket)
  if (missingFrom(rules).length === 0) return false
  const ours = new Set(LIFECYCLE_RULES.map(({ ID }) => ID))
  const Rules = [...rules.filter(({ ID }) => !ours.has(ID)), ...LIFECYCLE_RULES]
  await s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket: bucket, LifecycleConfiguration: { Rules } }))
  return true
}

function missingFrom(rules: readonly LifecycleRule[]): string[] {
  const missing = LIFECYCLE_RULES.filter((wanted) => !rules.some((rule) => isSameRule(rule, wanted)))
  return missing.map(({ ID = '' }) => ID)
}

function isSameRule(a: LifecycleRule, b: LifecycleRule): boolean {
  const sameDays =
    a.AbortIncompleteMultipartUpload?.DaysAfterInitiation === b.AbortIncompleteMultipartUpload?.DaysAfterInitiation &&
    a.Expiration?.Days === b.Expiration?.Days
  return a.ID === b.ID && a.Status === b.Status && sameDays
}

async function readRules(s3: S3Client, bucket: string): Promise<LifecycleRule[]> {
  try {
    const { Rules = [] } = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }))
    return Rules
  } catch (error) {
    // Not every endpoint gives it the name that AWS does.
    if ((error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 404) return []
    throw error
  }
}
