/** What a dead letter is, and what its payload says of the job it belongs to. */
import { isOwner } from './api-key.ts'
import { isUuid } from './ids.ts'

/** Where a letter came from: the two SQS dead-letter queues, or a final error of the forward hop (BullMQ). */
export const LETTER_SOURCES = ['analysis', 'results', 'forward'] as const
export type LetterSource = (typeof LETTER_SOURCES)[number]

export const LETTER_STATES = ['open', 'redriven', 'discarded'] as const
export type LetterState = (typeof LETTER_STATES)[number]

/** What SQS can carry. */
export const MAX_LETTER_BYTES = 1024 * 1024

export interface LetterRef {
  readonly jobId: string | null
  readonly attempt: number | null
  /** The owner that the payload claims: to find it again, never to decide by. */
  readonly owner: string | null
  /** True when the message is of our version and names an attempt of a job, whatever else is wrong with it. */
  readonly isOurs: boolean
}

const NOTHING: LetterRef = { jobId: null, attempt: null, owner: null, isOurs: false }
/** PostgreSQL's integer. */
const MAX_ATTEMPT = 2 ** 31 - 1

/** Reads of any payload what it says of its job. Never throws; null is what it does not say. */
export function readLetterRef(body: string): LetterRef {
  const value = parseObject(body)
  if (value === undefined) return NOTHING
  const { version, job_id: named, attempt, owner } = value
  const jobId = typeof named === 'string' ? named.toLowerCase() : ''
  const isJobId = isUuid(jobId)
  const isAttempt = Number.isInteger(attempt) && Number(attempt) >= 0 && Number(attempt) <= MAX_ATTEMPT
  return {
    jobId: isJobId ? jobId : null,
    attempt: isAttempt ? Number(attempt) : null,
    owner: typeof owner === 'string' && isOwner(owner) ? owner : null,
    isOurs: version === 1 && isJobId && isAttempt,
  }
}

function parseObject(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined // poison is what this is read for
  }
}
