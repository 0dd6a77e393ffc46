import { AppError } from '../../src/domain/errors.ts'
import { isUuid } from '../../src/domain/ids.ts'
import {
  canAdvance,
  isTerminal,
  type Job,
  type JobError,
  progressOnEntering,
  STATUS_MESSAGES,
  UNFINISHED_STATUSES,
  type UnfinishedStatus,
} from '../../src/domain/job.ts'
import type { Advanced, HopCount, JobStore, NewJob, StalledRules, StatusChange, StoredResult } from '../../src/ports.ts'
import { type Outage, withOutage } from './outage.ts'

interface Row {
  job: Job
  uploadDeadlineMs: number
  stageMs: number
  /** From when a row's waiting counts. */
  watchedFromMs: number
  claims: number
}

export interface FakeJobStore extends JobStore, Outage {
  /** Makes a job older: as if everything about it had happened this much earlier. */
  age(jobId: string, seconds: number): Promise<void>
}

const METHODS = [
  'create',
  'find',
  'findMany',
  'advance',
  'findResult',
  'claimStalled',
  'findOlderThan',
  'countByStatus',
  'check',
] as const satisfies readonly (keyof JobStore)[]

/** Jobs in memory, by the same rules as the database. `now` is its clock, in Unix milliseconds. */
export function createFakeJobStore({ now = Date.now }: { now?: () => number } = {}): FakeJobStore {
  const toError = () => new AppError('database-unavailable', 'The database cannot be reached')
  return withOutage(createStore(now), METHODS, toError)
}

function createStore(now: () => number): Omit<FakeJobStore, 'setDown'> {
  const rows = new Map<string, Row>()
  const results = new Map<string, StoredResult>()
  const unfinished = () => [...rows.values()].filter(({ job }) => !isTerminal(job.status))
  return {
    create: async (job) => {
      const row = rows.get(job.jobId) ?? toRow(job, now())
      if (row.job.owner !== job.owner) throw new Error(`The id ${job.jobId} belongs to another job`)
      rows.set(job.jobId, row)
      return row.job
    },
    find: async (jobId) => rows.get(jobId)?.job,
    findMany: async (jobIds) => [...new Set(jobIds)].flatMap((jobId) => rows.get(jobId)?.job ?? []),
    advance: async (changes) => {
      for (const change of changes) assertConsistent(change)
      const answers = changes.map((change) => ({ change, moved: advanceRow(rows, results, change, now()) }))
      return answers.map(({ change, moved }): Advanced => {
        return { moved: moved !== undefined, job: moved ?? rows.get(change.jobId)?.job }
      })
    },
    findResult: async (jobId) => {
      const job = rows.get(jobId)?.job
      return job?.status === 'completed' ? results.get(`${jobId}-${job.attempt}`) : undefined
    },
    claimStalled: async (rules) => claim(unfinished(), rules, now()),
    findOlderThan: async (ageS, limit) =>
      unfinished()
        .map(({ job }) => job)
        .filter(({ createdAt, notBefore }) => Math.max(+createdAt, +(notBefore ?? 0)) <= now() - ageS * 1000)
        .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime())
        .slice(0, limit),
    countByStatus: async () => UNFINISHED_STATUSES.map((status) => countOf(unfinished(), status, now())),
    check: async () => {},
    age: async (jobId, seconds) => {
      const row = rows.get(jobId)
      if (row !== undefined) rows.set(jobId, aged(row, seconds * 1000))
    },
  }
}

function toRow({ uploadTimeoutS, ...job }: NewJob, nowMs: number): Row {
  const at = new Date(nowMs)
  const uploadDeadlineMs = nowMs + uploadTimeoutS * 1000
  return {
    job: {
      ...job,
      status: 'uploading',
      attempt: 1,
      progress: 0,
      message: STATUS_MESSAGES.uploading,
      sizeBytes: null,
      sha256: null,
      durationS: null,
      createdAt: at,
      updatedAt: at,
      finishedAt: null,
      error: null,
      reference: null,
    },
    uploadDeadlineMs,
    stageMs: nowMs,
    watchedFromMs: uploadDeadlineMs,
    claims: 0,
  }
}

function assertConsistent({ jobId, to, error, result }: StatusChange): void {
  if ((to === 'failed') !== (error !== undefined)) throw new TypeError(`Job ${jobId}: exactly 'failed' has an error`)
  if (result !== undefined && to !== 'completed') throw new TypeError(`Job ${jobId}: only 'completed' has a result`)
}

function advanceRow(
  rows: Map<string, Row>,
  results: Map<string, StoredResult>,
  change: StatusChange,
  nowMs: number,
): Job | undefined {
  const row = isUuid(change.jobId) ? rows.get(change.jobId) : undefined
  if (row === undefined || row.job.attempt !== change.attempt || !canAdvance(row.job.status, change.to))
    return undefined
  if (change.from !== undefined && change.from !== row.job.status) return undefined
  const job = moved(row.job, change, new Date(Math.max(nowMs, row.job.updatedAt.getTime())))
  const waits = change.to === 'stored' || change.to === 'queued'
  const watchedFromMs = Math.max(nowMs, waits ? (job.notBefore?.getTime() ?? 0) : 0)
  rows.set(job.jobId, { ...row, job, stageMs: nowMs, watchedFromMs, claims: 0 })
  const resultId = `${job.jobId}-${job.attempt}`
  if (change.result !== undefined && !results.has(resultId)) results.set(resultId, change.result)
  return job
}

function moved(job: Job, change: StatusChange, at: Date): Job {
  const error: JobError | null = change.error ? { ...change.error, stage: job.status as UnfinishedStatus } : null
  return {
    ...job,
    status: change.to,
    progress: Math.max(job.progress, progressOnEntering(change.to, job.progress)),
    message: change.message ?? STATUS_MESSAGES[change.to],
    sizeBytes: change.sizeBytes ?? job.sizeBytes,
    sha256: change.sha256 ?? job.sha256,
    durationS: change.durationS ?? job.durationS,
    updatedAt: at,
    finishedAt: isTerminal(change.to) ? at : null,
    error,
  }
}

function claim(rows: Row[], rules: StalledRules, nowMs: number): Job[] {
  const due = rows
    .filter(({ job, watchedFromMs }) => watchedFromMs + graceS(job, rules) * 1000 <= nowMs)
    .sort((a, b) => a.watchedFromMs - b.watchedFromMs)
    .slice(0, rules.limit)
  for (const row of due) {
    const waitS = row.job.status === 'uploading' ? rules.waitingS : graceS(row.job, rules)
    const delayS = Math.max(waitS, Math.min(900, waitS * 2 ** row.claims))
    row.watchedFromMs = nowMs + (delayS - graceS(row.job, rules)) * 1000
    row.claims += 1
  }
  return due.map(({ job }) => job)
}

/** How long past `watchedFromMs` a row is left alone. */
function graceS({ status }: Job, { waitingS, inFlightS }: StalledRules): number {
  if (status === 'uploading') return 0
  return status === 'stored' || status === 'queued' ? waitingS : inFlightS
}

function countOf(rows: Row[], status: UnfinishedStatus, nowMs: number): HopCount {
  const ages = rows.filter(({ job }) => job.status === status).map(({ stageMs }) => (nowMs - stageMs) / 1000)
  return { status, count: ages.length, oldestAgeS: ages.length === 0 ? null : Math.max(...ages) }
}

function aged(row: Row, byMs: number): Row {
  const earlier = (date: Date) => new Date(date.getTime() - byMs)
  const { job } = row
  return {
    ...row,
    job: { ...job, createdAt: earlier(job.createdAt), updatedAt: earlier(job.updatedAt) },
    uploadDeadlineMs: row.uploadDeadlineMs - byMs,
    stageMs: row.stageMs - byMs,
    watchedFromMs: row.watchedFromMs - byMs,
  }
}
