/** What the checks of S3 and SQS have in common: the endpoint's clock, and the mends of its refusals. */
import type { S3Client } from '@aws-sdk/client-s3'
import type { SQSClient } from '@aws-sdk/client-sqs'
import { type Finding, fault, ok, warning } from './check.ts'

/** AWS refuses what was signed more than a quarter of an hour beside its clock. */
const REFUSED_S = 900
const TOLERANCE_S = 60

export interface ClockWatch {
  /** By the latest answer; undefined while no answer has said its time. */
  offsetS(): number | undefined
}

/** Reads the `Date` of each answer. */
export function watchClock(client: S3Client | SQSClient): ClockWatch {
  let offsetS: number | undefined
  // The stacks of the two clients differ in the types of their commands alone.
  const { middlewareStack } = client as S3Client
  middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args)
      const { headers = {} } = (result.response ?? {}) as { headers?: Record<string, string> }
      const at = Date.parse(headers.date ?? '')
      if (!Number.isNaN(at)) offsetS = (Date.now() - at) / 1000
      return result
    },
    { step: 'deserialize', priority: 'low' },
  )
  return { offsetS: () => offsetS }
}

export function checkClock({ offsetS }: ClockWatch): Finding[] {
  const off = offsetS()
  if (off === undefined) return []
  const seen = `this machine's clock is ${Math.abs(off).toFixed(0)} s ${off < 0 ? 'behind' : 'ahead of'} the endpoint's`
  if (Math.abs(off) >= REFUSED_S) return [fault(seen, CLOCK_MEND)]
  return [Math.abs(off) >= TOLERANCE_S ? warning(seen, CLOCK_MEND) : ok(seen)]
}

const CLOCK_MEND = 'set the clock of this machine (NTP)'

/** What to do about an error of the SDK. */
export function mendOfAws(error: unknown): string {
  const { name = '', Code = '' } = (error ?? {}) as { name?: string; Code?: string }
  const text = `${name} ${Code} ${String(error)}`
  if (/TimeTooSkewed|RequestExpired|SignatureDoesNotMatch.*expired/i.test(text)) return CLOCK_MEND
  if (/Credentials/i.test(text))
    return 'give credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role'
  if (/AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|UnrecognizedClient|Forbidden|\b403\b/i.test(text)) {
    return 'mend the credentials, or the rights of their role'
  }
  return 'mend AWS_ENDPOINT_URL and AWS_REGION, or the way to there'
}
