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
import type { UploadFactStore } from '../../src/ports/direct-uploads.ts'
import type {
  Advanced,
  HopCount,
  JobStore,
  NewJob,
  StalledJob,
  StalledRules,
  StatusChange,
  StoredResult,
} from '../../src/ports.ts'
import { byEnd, endsOf, pageOf } from './fake-job-pages.ts'
import { aged, type Row, restarted, toRow } from './fake-job-rows.ts'
import { createFakeUploadFacts } from './fake-upload-facts.ts'
import { type Outage, withOutage } from './outage.ts'

const KEY_AGE_MS = 86_400_000

export interface FakeJobStore extends JobStore, Outage {
  /** Makes a job older: as if everything about it had happened this much earlier. */
  age(jobId: string, seconds: number): Promise<void>
  /** What the same rows say of direct uploads. */
  readonly uploadFacts: UploadFactStore
  /** What is kept, for the twins of the stores that look at the same tables. */
  readonly rows: Map<string, Row>
  /** By `<jobId>-<attempt>`. */
  readonly results: Map<string, StoredResult>
}

const METHODS = [
  'create',
  'find',
  'findMany',
  'advance',
  'restart',
  'list',
  'findUnfinished',
  'findEnded',
  'countInFlight',
  'countUnfinished',
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
    rows,
    results,
    uploadFacts: createFakeUploadFacts(rows, now),
    create: async (job) => {
      const row = rows.get(job.jobId) ?? holderOf(rows, job, now()) ?? toRow(job, now())
      if (row.job.owner !== job.owner) throw new Error(`The id ${job.jobId} belongs to another job`)
      rows.set(row.job.jobId, row)
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
    restart: async (jobId, attempt) => {
      const row = rows.get(jobId)
      const moves = row?.job.attempt === attempt && row.job.error?.retryable === true && row.job.purgedAt === null
      if (moves) rows.set(jobId, restarted(row, now()))
      return { moved: moves, job: rows.get(jobId)?.job }
    },
    list: async (owner, filter) =>
      pageOf(
        [...rows.values()].map(({ job }) => job),
        owner,
        filter,
      ),
    findUnfinished: async (owners, most) =>
      [...new Set(owners)].flatMap((owner) =>
        pageOf(
          unfinished().map(({ job }) => job),
          owner,
          { limit: most },
        ),
      ),
    findEnded: async (lists, withinS, most) =>
      lists.flatMap((list) => endsOf(rows, list, now() - withinS * 1000).slice(0, most)).sort(byEnd),
    countUnfinished: async (owner, atMost) =>
      Math.min(atMost, unfinished().filter(({ job }) => job.owner === owner).length),
    countInFlight: async (limit) => {
      const inFlight = unfinished().filter(
        ({ job: { status, route } }) => route === 'queue' && (status === 'forwarded' || status === 'analysing'),
      )
      const owners = Map.groupBy(inFlight.slice(0, limit), ({ job }) => job.owner)
      return new Map([...owners].map(([owner, rows]) => [owner, rows.length]))
    },
    findResult: async (jobId) => {
      const job = rows.get(jobId)?.job
      return job?.status === 'completed' ? results.get(`${jobId}-${job.attempt}`) : undefined
    },
    claimStalled: async (rules) => claim(unfinished(), rules, now()),
    findOlderThan: async (ageS, limit) =>
      unfinished()
        .filter(({ begunMs, job }) => Math.max(begunMs, +(job.notBefore ?? 0)) <= now() - ageS * 1000)
        .sort((a, b) => a.begunMs - b.begunMs)
        .slice(0, limit)
        .map(({ job }) => job),
    countByStatus: async () => UNFINISHED_STATUSES.map((status) => countOf(unfinished(), status, now())),
    check: async () => {},
    age: async (jobId, seconds) => {
      const row = rows.get(jobId)
      if (row !== undefined) rows.set(jobId, aged(row, seconds * 1000))
    },
  }
}

/** The other job of the owner that holds the key; one that held it for too long lets it go. */
function holderOf(rows: Map<string, Row>, { owner, idempotencyKey }: NewJob, nowMs: number): Row | undefined {
  if (idempotencyKey == null) return undefined
  const holder = [...rows.values()].find((row) => row.job.owner === owner && row.idempotencyKey === idempotencyKey)
  if (holder === undefined || holder.job.createdAt.getTime() > nowMs - KEY_AGE_MS) return holder
  holder.idempotencyKey = null
  return undefined
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
  const isBroken = row.job.status === 'uploading' && (change.to === 'failed' || change.to === 'cancelled')
  const idempotencyKey = isBroken ? null : row.idempotencyKey
  rows.set(job.jobId, { ...row, job, stageMs: nowMs, watchedFromMs, claims: 0, idempotencyKey })
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
    ...change.recording,
    updatedAt: at,
    finishedAt: isTerminal(change.to) ? at : null,
    error,
  }
}

function claim(rows: Row[], rules: StalledRules, nowMs: number): StalledJob[] {
  const due = rows
    .filter(({ job }) => (job.status === 'uploading' ? 'queue' : job.route) === (rules.route ?? 'queue'))
    .filter((row) => row.watchedFromMs + (isHeldBack(row) ? 0 : graceS(row.job, rules)) * 1000 <= nowMs)
    .filter(({ job }) => !(rules.queueIsAway && (job.status === 'stored' || job.status === 'queued')))
    .sort((a, b) => a.watchedFromMs - b.watchedFromMs)
    .slice(0, rules.limit)
  for (const row of due) {
    const waitS = row.job.status === 'uploading' ? rules.waitingS : graceS(row.job, rules)
    const delayS = Math.max(waitS, Math.min(900, waitS * 2 ** row.claims))
    row.watchedFromMs = nowMs + (delayS - graceS(row.job, rules)) * 1000
    row.claims += 1
  }
  return due.map(({ job, stageMs }) => ({ ...job, inStatusS: (nowMs - stageMs) / 1000 }))
}

/** Nobody is posting it: whoever stored it saw that its time had not come. */
function isHeldBack({ job, stageMs, claims }: Row): boolean {
  return job.route === 'direct' && job.status === 'stored' && claims === 0 && +(job.notBefore ?? 0) > stageMs
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
