/** A job's hops, and what they mean. */
import { type ExplainRules, explainJob } from '../domain/explain-job.ts'
import { MAX_TOLD } from '../domain/explain-letters.ts'
import type { Job } from '../domain/job.ts'
import type { TimelineRow } from '../domain/timeline.ts'
import type { Ports } from '../ports.ts'

export interface ToldTimeline {
  readonly job: Job
  readonly hops: readonly TimelineRow[]
  /** About ten sentences. */
  readonly explanation: readonly string[]
}

export interface TellRules extends ExplainRules {
  /** Of a recording that comes through the API. */
  readonly uploadTimeoutS: number
}

/**
 * `forOperator` tells of the job's open dead letters what can be done about them, and not only that there are some.
 * Throws `database-unavailable`.
 */
export async function tellTimeline(
  { timeline, uploadFacts, deadLetters }: Pick<Ports, 'timeline' | 'uploadFacts' | 'deadLetters'>,
  rules: TellRules,
  { job, forOperator }: { readonly job: Job; readonly forOperator: boolean },
): Promise<ToldTimeline> {
  const { jobId, owner } = job
  const hops = await timeline.read(jobId)
  // Of the owner too: the job a letter names is what somebody's payload says.
  const letters = await deadLetters.list({ jobId, owner, state: 'open' }, { limit: MAX_TOLD + 1 })
  const facts = job.status === 'uploading' ? await uploadFacts.find(jobId) : undefined
  const uploadDeadlineAt = facts?.expiresAt ?? new Date(+job.createdAt + rules.uploadTimeoutS * 1000)
  const explanation = explainJob({ job, hops, letters, forOperator, uploadDeadlineAt, rules, now: new Date() })
  return { job, hops, explanation }
}
