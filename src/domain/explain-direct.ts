/** What comes next for an unfinished job of the direct route; explain-job.ts says all else. */
import type { Job } from './job.ts'
import { formatTime } from './time-words.ts'

export interface DirectExplained {
  readonly job: Job
  readonly rules: {
    readonly stalledAfterS: number
    readonly reconcileIntervalS: number
    readonly directTimeoutS: number
    readonly directAnswerTimeoutS: number
  }
  readonly now: Date
}

/** Beyond two tries and the pause between them: the connection, the database, a busy process. */
const POST_MARGIN_S = 5

/** How long a stored job of the direct route is left to whoever is posting it. */
export function directWaitS({
  stalledAfterS,
  directTimeoutS,
}: Omit<DirectExplained['rules'], 'reconcileIntervalS' | 'directAnswerTimeoutS'>): number {
  return Math.max(stalledAfterS, 2 * directTimeoutS + POST_MARGIN_S)
}

/** Sentences of what happens by itself, and by when. */
export function directNextOf({ job, rules, now }: DirectExplained): string {
  const { reconcileIntervalS, directAnswerTimeoutS } = rules
  const by = (from: number, s: number): string => formatTime(new Date(from + (s + reconcileIntervalS) * 1000))
  if (job.status === 'stored' && job.notBefore !== null && job.notBefore > now) {
    return `it is held back until ${formatTime(job.notBefore)} (not_before); then the reconciler posts it to the analysis server.`
  }
  if (job.status === 'stored') {
    const at = by(+job.updatedAt, directWaitS(rules))
    return `its order is posted to the analysis server. If that fails, or nobody does it, the reconciler posts it again, first by ${at} and then ever more seldom, for as long as the server is away.`
  }
  const at = by(+job.updatedAt, directAnswerTimeoutS)
  return `the analysis server answers by webhook. Without its result by ${at} it ends as failed (analysis-server-silent), and can be retried; it is never sent to the queue.`
}
