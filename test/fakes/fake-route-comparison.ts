import { AppError } from '../../src/domain/errors.ts'
import { isClientsFault } from '../../src/domain/failure-side.ts'
import type { WindowOutcomes } from '../../src/domain/guard.ts'
import { isTerminal, type Job, type Route } from '../../src/domain/job.ts'
import { SPREAD_S } from '../../src/domain/ratio-check.ts'
import type { CutoverStore, RouteComparison, RouteFigures, VersionWindow } from '../../src/ports/cutover.ts'
import type { Letter } from '../../src/ports/dead-letters.ts'
import type { Row } from './fake-job-rows.ts'
import { type Outage, withOutage } from './outage.ts'

/** The rows that the twins of the tables hold, and the database's clock in Unix milliseconds. */
export interface ComparedTables {
  readonly jobs: { readonly rows: ReadonlyMap<string, Row> }
  readonly deadLetters: { readonly rows: ReadonlyMap<string, Letter> }
  readonly cutover: Pick<CutoverStore, 'history'>
  readonly now?: () => number
}

const METHODS = ['figures', 'ownersBySide', 'outcomes', 'ageS', 'deadLetterOwners'] as const

/** The comparison of the routes over the rows of the other twins. */
export function createFakeRouteComparison({
  jobs,
  deadLetters,
  cutover,
  now = Date.now,
}: ComparedTables): RouteComparison & Outage {
  const rows = () => [...jobs.rows.values()]
  const madeIn = (windowS: number) => rows().filter(({ job }) => +job.createdAt >= now() - windowS * 1000)
  const letters = () => [...deadLetters.rows.values()].filter((one) => one.resolvedBy !== 'tonewire' && isOurs(one))
  const beginOf = async (version: number) => {
    const [flag] = await cutover.history({ limit: 1, before: version + 1 })
    return flag?.version === version ? +flag.changedAt : undefined
  }
  const comparison: RouteComparison = {
    figures: async (windowS) => {
      const of = (route: Route) =>
        figuresOf(
          madeIn(windowS).filter(({ job }) => job.route === route),
          rows().filter(({ job }) => job.route === route),
          now(),
        )
      return { queue: of('queue'), direct: of('direct') }
    },
    ownersBySide: async (version, windowS) => {
      const knownMs = ((await beginOf(version)) ?? Number.POSITIVE_INFINITY) + SPREAD_S * 1000
      const made = madeIn(windowS).filter(({ job }) => +job.createdAt >= knownMs && !isListed(job))
      return { queue: ownersOn(made, 'queue'), direct: ownersOn(made, 'direct') }
    },
    outcomes: async (version, window) => {
      const beginMs = await beginOf(version)
      const dealt = rows().filter(({ job }) => isDealt(job, version) && +(job.notBefore ?? 0) <= +job.createdAt)
      return beginMs === undefined
        ? toOutcomes([])
        : toOutcomes(endsIn(dealt, letters(), { ...window, beginMs }, now()))
    },
    ageS: async (version) => Math.max(0, now() - ((await beginOf(version)) ?? now())) / 1000,
    deadLetterOwners: async (windowS) =>
      new Set(
        letters()
          .filter(({ firstSeenAt }) => +firstSeenAt >= now() - windowS * 1000)
          .map(({ owner }) => owner),
      ).size,
  }
  return withOutage(comparison, METHODS, () => new AppError('database-unavailable', 'The database cannot be reached'))
}

const isOurs = ({ code }: { code: string }) => !isClientsFault(code)
const isDealt = ({ flagVersion, routeReason }: Job, version: number) =>
  flagVersion === version && routeReason === 'percentage'
const isListed = ({ routeReason }: Job) => routeReason === 'allowed' || routeReason === 'denied'
const ownersOn = (rows: readonly Row[], route: Route) =>
  new Set(rows.flatMap(({ job }) => (job.route === route ? [job.owner] : []))).size

function figuresOf(made: readonly Row[], all: readonly Row[], nowMs: number): RouteFigures {
  const jobs = made.map(({ job }) => job)
  const inStatus = (status: Job['status']) => jobs.filter((job) => job.status === status)
  const codes = Map.groupBy(inStatus('failed'), ({ error }) => error?.code ?? '')
  const retried = Map.groupBy(
    made.flatMap(({ firstErrorCode }) => firstErrorCode ?? []),
    (code) => code,
  )
  const took = made.flatMap(({ job, begunMs }) =>
    job.status === 'completed' ? [(+job.finishedAt! - Math.max(begunMs, +(job.notBefore ?? 0))) / 1000] : [],
  )
  const due = all.filter(({ job }) => !isTerminal(job.status) && job.status !== 'uploading')
  const since = due.map(({ job, begunMs }) => Math.max(begunMs, +(job.notBefore ?? 0))).filter((ms) => ms <= nowMs)
  return {
    accepted: jobs.filter(wasStored).length,
    completed: inStatus('completed').length,
    failed: Object.fromEntries([...codes].map(([code, each]) => [code, each.length])),
    retried: Object.fromEntries([...retried].map(([code, each]) => [code, each.length])),
    cancelled: inStatus('cancelled').length,
    owners: new Set(jobs.map(({ owner }) => owner)).size,
    resultS:
      took.length === 0 ? null : { p50: quantile(took, 0.5), p95: quantile(took, 0.95), p99: quantile(took, 0.99) },
    oldestUnfinishedS: since.length === 0 ? null : (nowMs - Math.min(...since)) / 1000,
  }
}

function wasStored({ status, error, sizeBytes }: Job): boolean {
  if (status === 'cancelled') return sizeBytes !== null
  return status !== 'uploading' && error?.stage !== 'uploading'
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * q
  const below = sorted[Math.floor(place)]!
  return below + (place % 1) * ((sorted[Math.ceil(place)] ?? below) - below)
}

interface End {
  readonly owner: string
  readonly route: Route
  readonly jobId: string
  readonly failed: boolean
  readonly atMs: number
}

function endsIn(
  rows: readonly Row[],
  letters: readonly Letter[],
  { fromS, toS, lateS, beginMs }: VersionWindow & { beginMs: number },
  nowMs: number,
): End[] {
  const dealt = rows.flatMap(({ job, firstErrorCode }) => {
    const { owner, route, jobId, status, error, createdAt, finishedAt, attempt, sizeBytes } = job
    const atMs = +createdAt
    const isIn = atMs >= beginMs + fromS * 1000 && atMs < beginMs + toS * 1000
    const isLeftOut = (status === 'uploading' || status === 'cancelled') && sizeBytes === null
    const code = firstErrorCode ?? error?.code
    const isLate = +(finishedAt ?? nowMs) >= atMs + lateS * 1000
    const isClients = code !== undefined && isClientsFault(code) && !(isLate && firstErrorCode === null)
    if (!isIn || isLeftOut || isClients) return []
    const isDead = letters.some((letter) => letter.jobId === jobId)
    const failed = status === 'failed' || attempt > 1 || isDead || isLate
    return [{ owner, route, jobId, failed, atMs, status, isOpen: finishedAt === null && !failed }]
  })
  const firstOpenMs = Math.min(...dealt.flatMap(({ isOpen, atMs }) => (isOpen ? [atMs] : [])))
  return dealt.filter(({ failed, status, atMs }) => (failed || status === 'completed') && atMs < firstOpenMs)
}

function toOutcomes(ends: readonly End[]): WindowOutcomes {
  const inOrder = ends.toSorted((a, b) => a.atMs - b.atMs || (a.jobId < b.jobId ? -1 : 1))
  const firstOf = (of: readonly End[]) => [...new Map(of.toReversed().map((end) => [end.owner, end])).values()]
  const byTime = (a: End, b: End) => a.atMs - b.atMs || (a.owner < b.owner ? -1 : 1)
  const firsts = firstOf(inOrder).sort(byTime)
  const failures = firstOf(inOrder.filter(({ failed }) => failed)).sort(byTime)
  const sideOf = (route: Route) => {
    const owners = firsts.filter((end) => end.route === route)
    return { owners: owners.length, failed: owners.filter(({ failed }) => failed).length }
  }
  return {
    queue: sideOf('queue'),
    direct: sideOf('direct'),
    failures: failures.map(({ route }) => route),
    firsts: firsts.map(({ failed }) => failed),
  }
}
