/**
 * What happened to a job and what comes next, in about ten sentences for whoever is asked about it: each hop once with
 * its repeats counted, its dead letters that are open, where the job is now, and by the rules of the reconciler what
 * happens when at the latest.
 */

import { directNextOf } from './explain-direct.ts'
import { explainLetters, type OpenLetter } from './explain-letters.ts'
import { explainRoute } from './explain-route.ts'
import { isTerminal, type Job } from './job.ts'
import { formatSpan, formatTime } from './time-words.ts'
import { sentenceOf, type TimelineRow } from './timeline.ts'

/** The rules of this installation: variables of the environment, by their names there. */
export interface ExplainRules {
  readonly stalledAfterS: number
  readonly inFlightCheckS: number
  readonly reconcileIntervalS: number
  readonly maxJobAgeS: number
  readonly retentionDays: number
  /** Of the direct route. */
  readonly directTimeoutS: number
  readonly directAnswerTimeoutS: number
}

export interface Explained {
  readonly job: Job
  readonly hops: readonly TimelineRow[]
  /** Open ones of this job, newest first. */
  readonly letters: readonly OpenLetter[]
  /** True tells what can be done about them, and how. */
  readonly forOperator: boolean
  /** While it is `uploading`. */
  readonly uploadDeadlineAt: Date | null
  readonly rules: ExplainRules
  readonly now: Date
}

/** Longest time from one look of the reconciler to the next, unless its first wait is longer. */
const MAX_LOOK_DELAY_S = 900
/** Hops of the attempt that are told one by one; of more, the first and the last of them. */
const MAX_LINES = 9
const FIRST_LINES = 2

/** Sentences, oldest first; the last but one says where the job is, the last what comes next. */
export function explainJob(explained: Explained): string[] {
  const { job, hops } = explained
  const current = hops.filter(({ attempt }) => attempt === job.attempt)
  const earlier = hops.filter(({ attempt }) => attempt !== job.attempt)
  return [
    headOf(job),
    ...summarise(earlier, job),
    ...(current.length === 0 ? ['Nothing is noted of this attempt, or no longer.'] : tellHops(current)),
    ...explainLetters(explained),
    stateOf(explained),
    nextOf(explained),
  ]
}

function headOf(job: Job): string {
  const { jobId, owner, attempt, createdAt } = job
  return `Job ${jobId} of ${owner}, made ${formatTime(createdAt)}, attempt ${attempt}, by the ${explainRoute(job)}.`
}

/** Attempts before this one, a line each. Attempt 0 is a shadow run, and answers of no attempt may come too. */
function summarise(hops: readonly TimelineRow[], job: Job): string[] {
  const attempts = [...new Set(hops.map(({ attempt }) => attempt))].sort((a, b) => a - b)
  return attempts.slice(-3).map((attempt) => {
    const own = hops.filter((hop) => hop.attempt === attempt)
    const last = own.at(-1)
    const end = last === undefined ? '' : `, the last: ${sentenceOf(last)}${detailOf(last)}`
    const isPast = attempt < job.attempt ? '' : ', which the job never had'
    return `Attempt ${attempt}${isPast}: ${own.length} ${own.length === 1 ? 'hop' : 'hops'}${end}.`
  })
}

interface Told {
  readonly first: TimelineRow
  last: TimelineRow
  count: number
}

/** One line per kind of hop, where it came first: what alternates (received, broken off, received, …) is counted too. */
function tellHops(hops: readonly TimelineRow[]): string[] {
  const told = new Map<string, Told>()
  for (const hop of hops) {
    const key = `${hop.hop} ${hop.outcome} ${hop.detail}`
    const known = told.get(key)
    if (known === undefined) told.set(key, { first: hop, last: hop, count: 1 })
    else Object.assign(known, { last: hop, count: known.count + 1 })
  }
  const lines = [...told.values()].map(toLine)
  if (lines.length <= MAX_LINES) return lines
  const left = lines.length - MAX_LINES + 1
  return [...lines.slice(0, FIRST_LINES), `… ${left} more …`, ...lines.slice(FIRST_LINES + left)]
}

function toLine({ first, last, count }: Told): string {
  const times = count === 1 ? '' : `, ${count} times until ${formatTime(last.at)}`
  const most = Math.max(first.receiveCount ?? 0, last.receiveCount ?? 0)
  const receives = most > 1 ? `, receive ${most}` : ''
  return `${formatTime(first.at)}  ${sentenceOf(first)}${detailOf(first)}${times}${receives}  [${last.worker}]`
}

function detailOf({ detail }: TimelineRow): string {
  return detail === null ? '' : ` (${detail})`
}

function stateOf({ job, now }: Explained): string {
  const since = job.finishedAt ?? job.updatedAt
  return `Now: ${job.status} since ${formatTime(since)}, ${formatSpan(+now - +since)} ago.${errorOf(job)}`
}

function errorOf({ error }: Job): string {
  if (error === null) return ''
  return ` It failed while ${error.stage}, with ${error.code}: ${error.detail.replace(/\.$/, '')}.`
}

function nextOf(explained: Explained): string {
  const { job, uploadDeadlineAt } = explained
  switch (job.status) {
    case 'uploading':
      return `Next: when every byte has arrived it is stored.${deadlineOf(uploadDeadlineAt, explained)}`
    case 'stored':
    case 'queued':
    case 'forwarded':
    case 'analysing':
      return `Next: ${wayOf(explained)} ${endOf(explained)}`
    case 'completed':
      return `Next: nothing; the result can be read. ${keptOf(explained)}`
    case 'failed':
      return `Next: ${retryOf(explained)} ${keptOf(explained)}`
    case 'cancelled':
      return `Next: nothing; a result that still comes is acknowledged and dropped. ${keptOf(explained)}`
    default:
      throw new Error(`unhandled status ${job.status satisfies never}`)
  }
}

function deadlineOf(deadline: Date | null, { rules }: Explained): string {
  if (deadline === null) return ' At its deadline it ends as failed (upload-expired).'
  const { reconcileIntervalS } = rules
  return ` If that is not so by ${formatTime(deadline)}, it ends as failed (upload-expired) within ${reconcileIntervalS} s.`
}

function wayOf(explained: Explained): string {
  const { job } = explained
  if (job.route === 'direct') return directNextOf(explained)
  const isInSqs = job.status === 'forwarded' || job.status === 'analysing'
  return `${isInSqs ? inFlightOf(explained) : waitingOf(explained)} ${lookOf(explained)}`
}

function waitingOf({ job, now }: Explained): string {
  if (job.notBefore !== null && job.notBefore > now) {
    return `it is held back until ${formatTime(job.notBefore)} (not_before); then a forwarder sends it to SQS.`
  }
  const place = job.status === 'stored' ? 'it is added to the queue in Redis, and then' : 'as soon as there is room'
  return `${place} a forwarder sends it to SQS.`
}

function inFlightOf({ job, hops }: Explained): string {
  const own = hops.filter(({ attempt }) => attempt === job.attempt)
  if (own.some(({ hop }) => hop === 'answer')) return 'its answer is in the results queue and is recorded next.'
  return job.status === 'forwarded'
    ? 'an analyser takes the order from SQS.'
    : 'its answer comes; if its analyser is gone, SQS brings the order to another.'
}

/** When somebody looks at a job that nothing moves. */
function lookOf({ job, hops, rules }: Explained): string {
  const inSqs = job.status === 'forwarded' || job.status === 'analysing'
  const waitS = inSqs ? rules.inFlightCheckS : rules.stalledAfterS
  const what = inSqs ? 'sends the order again if both SQS queues are empty' : 'adds it to the queue again'
  const from = Math.max(+job.updatedAt, inSqs ? 0 : +(job.notBefore ?? 0))
  const looks = hops.filter(({ hop, at, attempt }) => hop === 'reconcile' && attempt === job.attempt && +at >= from)
  const last = looks.at(-1)
  // Looks that did nothing are not noted, so a later one has the longest delay as its bound.
  const delayS = last === undefined ? waitS : Math.max(waitS, MAX_LOOK_DELAY_S)
  const at = new Date((last === undefined ? from : +last.at) + (delayS + rules.reconcileIntervalS) * 1000)
  const when = last === undefined ? `first by ${formatTime(at)}` : `again by ${formatTime(at)}`
  return `If nothing moves it, the reconciler looks at it, ${when} and then ever more seldom, and ${what}.`
}

/** An attempt begins with the job or with its retry; not later than the row was last changed, in any case. */
function endOf({ job, hops, rules }: Explained): string {
  const retried = hops.find(({ hop, attempt }) => hop === 'retry' && attempt === job.attempt)?.at ?? job.updatedAt
  const begunAt = job.attempt === 1 ? job.createdAt : retried
  const at = Math.max(+begunAt, +(job.notBefore ?? 0)) + (rules.maxJobAgeS + rules.reconcileIntervalS) * 1000
  return `Still unfinished at ${formatTime(new Date(at))}, it ends as failed (job-too-old), and can be retried.`
}

function retryOf({ job }: Explained): string {
  if (job.purgedAt !== null) return 'nothing; its recording is gone, so it cannot be retried.'
  if (!job.error?.retryable) return 'nothing; a retry cannot help and is refused. Upload a new recording.'
  return `nothing by itself; POST /v1/jobs/${job.jobId}/retry begins attempt ${job.attempt + 1} while the recording is kept.`
}

function keptOf({ job, rules }: Explained): string {
  const { purgedAt, finishedAt } = job
  if (purgedAt !== null) return `Recording and result were taken by retention at ${formatTime(purgedAt)}.`
  if (!isTerminal(job.status) || finishedAt === null || rules.retentionDays === 0) return 'It is kept for good.'
  return `It is kept until ${formatTime(new Date(+finishedAt + rules.retentionDays * 86_400_000))}.`
}
