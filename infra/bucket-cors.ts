/** What the bucket allows pages of other origins to do: send to presigned URLs, and read by them. */
import {
  type CORSRule,
  DeleteBucketCorsCommand,
  GetBucketCorsCommand,
  PutBucketCorsCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { TOPOLOGY } from './topology.ts'

const RULE_ID = 'tonewire-direct-uploads'

/** The topology's rule for these origins; undefined when there are none. */
export function corsRuleOf(origins: readonly string[]): CORSRule | undefined {
  if (origins.length === 0) return undefined
  const { methods, requestHeaders, exposedHeaders, maxAgeS } = TOPOLOGY.bucket.cors
  return {
    ID: RULE_ID,
    AllowedOrigins: [...origins],
    AllowedMethods: [...methods],
    AllowedHeaders: [...requestHeaders],
    ExposeHeaders: [...exposedHeaders],
    MaxAgeSeconds: maxAgeS,
  }
}

/**
 * Brings our rule in line with these origins, and takes it away when there are none. The configuration is written
 * whole: rules that are not ours are kept. True when something was changed.
 */
export async function ensureBucketCors(s3: S3Client, bucket: string, origins: readonly string[]): Promise<boolean> {
  const found = await readRules(s3, bucket)
  const others = found.filter(({ ID }) => ID !== RULE_ID)
  const ours = corsRuleOf(origins)
  const current = found.find(({ ID }) => ID === RULE_ID)
  if (isSameRule(current, ours)) return false
  const CORSRules = [...others, ...(ours === undefined ? [] : [ours])]
  const command =
    CORSRules.length === 0
      ? new DeleteBucketCorsCommand({ Bucket: bucket })
      : new PutBucketCorsCommand({ Bucket: bucket, CORSConfiguration: { CORSRules } })
  await s3.send(command as PutBucketCorsCommand)
  return true
}

/** True when our rule is there for these origins, or is not when there are none. */
export async function isBucketCorsAsWanted(s3: S3Client, bucket: string, origins: readonly string[]): Promise<boolean> {
  const current = (await readRules(s3, bucket)).find(({ ID }) => ID === RULE_ID)
  return isSameRule(current, corsRuleOf(origins))
}

async function readRules(s3: S3Client, bucket: string): Promise<CORSRule[]> {
  try {
    return (await s3.send(new GetBucketCorsCommand({ Bucket: bucket }))).CORSRules ?? []
  } catch (error) {
    if ((error as { name?: string }).name === 'NoSuchCORSConfiguration') return []
    throw error
  }
}

function isSameRule(a: CORSRule | undefined, b: CORSRule | undefined): boolean {
  const textOf = (rule: CORSRule | undefined) =>
    rule && [rule.AllowedOrigins, rule.AllowedMethods, rule.AllowedHeaders, rule.ExposeHeaders, rule.MaxAgeSeconds]
  return JSON.stringify(textOf(a)) === JSON.stringify(textOf(b))
}
