/** A job's hops, and what they mean. */
import { type ExplainRules, explainJob } from '../domain/explain-job.ts'
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

/** Throws `database-unavailable`. */
export async function tellTimeline(
  { timeline, uploadFacts }: Pick<Ports, 'timeline' | 'uploadFacts'>,
  rules: TellRules,
  job: Job,
): Promise<ToldTimeline> {
  const hops = await timeline.read(job.jobId)
  const facts = job.status === 'uploading' ? await uploadFacts.find(job.jobId) : undefined
  const uploadDeadlineAt = facts?.expiresAt ?? new Date(+job.createdAt + rules.uploadTimeoutS * 1000)
  const explanation = explainJob({ job, hops, uploadDeadlineAt, rules, now: new Date() })
  return { job, hops, explanation }
}
