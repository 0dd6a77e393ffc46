/**
 * What an operator decides about dead letters. Invariant 2: the effect first, then the letter is resolved; a crash between
 * the two repeats the effect, and both effects bear that.
 *
 *   a letter that ended an attempt   → the next attempt of its job; when there is one already, that was the effect
 *   one that never touched a job     → its payload is sent to its queue again
 */
import { setTimeout as delay } from 'node:timers/promises'
import { AppError, type ErrorCode, toAppError } from '../domain/errors.ts'
import type { LetterFilter, LetterHead, LetterPlace } from '../ports/dead-letters.ts'
import type { Ports } from '../ports.ts'
import { assertCanRetry, retryJob } from './retry-job.ts'

type RedrivePorts = Pick<
  Ports,
  | 'deadLetters'
  | 'jobs'
  | 'objects'
  | 'jobQueue'
  | 'analysisServer'
  | 'analysisQueue'
  | 'resultQueue'
  | 'progress'
  | 'timeline'
  | 'metrics'
  | 'log'
>

export interface RedriveOrder {
  /** Of open letters. */
  readonly filter: Omit<LetterFilter, 'state'>
  readonly limit: number
  /** Says what would be done, and does nothing. */
  readonly dryRun: boolean
  /** From 1; without it as fast as it goes. */
  readonly ratePerS?: number
  /** Only letters that come after this one. */
  readonly after?: LetterPlace
  /** Who asks. */
  readonly by: string
  /** It stops by then, and says where. Default 10 s. */
  readonly budgetMs?: number
}

export interface RedriveOutcome {
  readonly letterId: string
  readonly jobId: string | null
  /** `possible` in a dry run; `refused` letters stay open. */
  readonly outcome: 'redriven' | 'possible' | 'refused'
  /** The attempt that begins; null where the payload is sent again, or nothing is done. */
  readonly attempt: number | null
  readonly code: ErrorCode | null
  readonly detail: string | null
}

export interface Redriven {
  readonly outcomes: readonly RedriveOutcome[]
  /** Where to go on; undefined when every letter was looked at. */
  readonly next: LetterPlace | undefined
}

/** Newest letters first. Throws `database-unavailable`; whatever else goes wrong is told per letter. */
export async function redriveLetters(ports: RedrivePorts, order: RedriveOrder): Promise<Redriven> {
  const { filter, limit, ratePerS, after, dryRun, budgetMs = 10_000 } = order
  const deadline = performance.now() + budgetMs
  const page = { limit: limit + 1, ...(after && { after }) }
  const letters = await ports.deadLetters.list({ ...filter, state: 'open' }, page)
  const outcomes: RedriveOutcome[] = []
  for (const letter of letters.slice(0, limit)) {
    outcomes.push(await redriveOne(ports, letter, order))
    // Also after the last: who asks for the next page keeps the pace across both.
    if (ratePerS !== undefined && !dryRun && outcomes.length < letters.length) await delay(1000 / ratePerS)
    if (performance.now() >= deadline) break
  }
  const last = letters[outcomes.length - 1]
  const isAll = last === undefined || outcomes.length === letters.length
  return { outcomes, next: isAll ? undefined : { createdAt: last.firstSeenAt, jobId: last.letterId } }
}

async function redriveOne(ports: RedrivePorts, letter: LetterHead, order: RedriveOrder): Promise<RedriveOutcome> {
  const { letterId, jobId, source } = letter
  const nothing = { letterId, jobId, attempt: null, code: null, detail: null }
  try {
    const attempt = letter.stage === null ? await sendAgain(ports, letter, order) : await restart(ports, letter, order)
    if (order.dryRun) return { ...nothing, outcome: 'possible', attempt }
    const resolution = { state: 'redriven', by: order.by, reason: null, redrivenAttempt: attempt } as const
    if (await ports.deadLetters.resolve(letterId, resolution))
      ports.metrics.count('dead_letters', { source, outcome: 'redriven' })
    ports.log.info({ letterId, source, jobId, attempt, by: order.by }, 'dead letter redriven')
    const of = attempt ?? letter.attempt
    if (jobId !== null && of !== null) {
      ports.timeline.note({ jobId, attempt: of, hop: 'dead-letter', outcome: 'redriven', messageId: letterId })
    }
    return { ...nothing, outcome: 'redriven', attempt }
  } catch (error) {
    const { code, detail } = toAppError(error)
    if (code === 'database-unavailable') throw error
    ports.log.info({ letterId, source, jobId, code, err: error }, 'dead letter not redriven')
    return { ...nothing, outcome: 'refused', code, detail }
  }
}

/** The attempt after the letter's, begun now or before. */
async function restart(ports: RedrivePorts, { jobId, attempt }: LetterHead, { dryRun }: RedriveOrder): Promise<number> {
  const job = jobId === null ? undefined : await ports.jobs.find(jobId)
  if (job === undefined) throw new AppError('job-not-found', `There is no job ${jobId}`)
  if (attempt !== null && job.attempt > attempt) return job.attempt
  try {
    if (!dryRun) return (await retryJob(ports, job)).attempt
    await assertCanRetry(ports, job)
    return job.attempt + 1
  } catch (error) {
    // Somebody else's redrive or retry of this moment may have begun it, and then nothing is to be refused.
    const current = await ports.jobs.find(job.jobId)
    if (current === undefined || current.attempt <= job.attempt) throw error
    return current.attempt
  }
}

async function sendAgain(ports: RedrivePorts, letter: LetterHead, { dryRun }: RedriveOrder): Promise<null> {
  const { letterId, source, jobId, owner } = letter
  // The forward hop's messages are made from rows: without one there is nothing to send.
  if (source === 'forward') throw new AppError('job-not-found', `There is no job ${jobId}`)
  if (dryRun) return null
  const whole = await ports.deadLetters.find(letterId)
  if (whole === undefined) throw new AppError('letter-not-found', `There is no dead letter ${letterId}`)
  const queue = source === 'analysis' ? ports.analysisQueue : ports.resultQueue
  const [failure] = await queue.send([{ body: whole.body, groupId: owner ?? 'unknown' }])
  if (failure !== undefined) throw failure
  return null
}
