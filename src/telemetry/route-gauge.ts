import { ERRORS } from '../domain/errors.ts'
import { GUARD_TURN } from '../domain/guard.ts'
import type { Route } from '../domain/job.ts'
import { checkRatio } from '../domain/ratio-check.ts'
import type { CutoverStore, RouteComparison, RouteFigures, StoredFlag } from '../ports/cutover.ts'
import type { SweepStore } from '../ports/upkeep.ts'
import type { GaugeSource } from './metrics.ts'

/** Opened when they are asked, not before. */
interface Sources {
  readonly comparison: Pick<RouteComparison, 'figures' | 'ownersBySide'>
  readonly cutover: Pick<CutoverStore, 'current'>
  readonly sweeps: Pick<SweepStore, 'lastCursor'>
}

const WINDOW_S = 300
const RATIO_WINDOW_S = 3600

/** Both routes side by side, of the jobs of the last five minutes, and the flag that deals owners to them. */
export function routeGauges(ports: Sources, { hasProvider = false }: { hasProvider?: boolean } = {}): GaugeSource[] {
  const perRoute = (name: string, help: string, read: (figures: RouteFigures) => ReturnType<typeof labelled>) => ({
    name,
    help,
    labels: ['route', ...Object.keys(read(NOTHING)[0]?.labels ?? {})],
    read: async () =>
      Object.entries(await ports.comparison.figures(WINDOW_S)).flatMap(([route, figures]: [string, RouteFigures]) =>
        read(figures).map(({ labels, value }) => ({ labels: { route: route as Route, ...labels }, value })),
      ),
  })
  return [
    perRoute('route_jobs', 'Jobs made in the last 5 minutes by route and what became of them', (figures) => {
      const failed = Object.values(figures.failed).reduce((sum, count) => sum + count, 0)
      const { accepted, completed, cancelled } = figures
      return labelled('outcome', { accepted, completed, failed, cancelled })
    }),
    perRoute('route_failed_jobs', 'Failed jobs made in the last 5 minutes by route and code', ({ failed }) =>
      labelled('code', ofKnownCodes(failed)),
    ),
    perRoute('route_retried_jobs', 'Jobs of the last 5 minutes that were tried again, by first code', ({ retried }) =>
      labelled('code', ofKnownCodes(retried)),
    ),
    perRoute('route_result_seconds', 'Time to the result of jobs made in the last 5 minutes', ({ resultS }) =>
      labelled('quantile', resultS === null ? {} : { 0.5: resultS.p50, 0.95: resultS.p95, 0.99: resultS.p99 }),
    ),
    perRoute('route_oldest_unfinished_seconds', 'Age of the oldest unfinished job; 0 when there is none', (figures) => [
      { labels: {}, value: figures.oldestUnfinishedS ?? 0 },
    ]),
    perRoute('route_owners', 'Distinct owners with a job made in the last 5 minutes', ({ owners }) => [
      { labels: {}, value: owners },
    ]),
    ...flagGauges(ports, hasProvider),
  ]
}

function flagGauges(ports: Sources, hasProvider: boolean): GaugeSource[] {
  // Labelled, so that what cannot be read is left out: a gauge without labels would be 0.
  const ofFlag = (name: string, help: string, read: (flag: StoredFlag) => Promise<number | null>) => ({
    name,
    help,
    labels: ['version'],
    read: async () => {
      const flag = await ports.cutover.current()
      const value = flag === undefined ? null : await read(flag)
      return flag === undefined || value === null ? [] : [{ labels: { version: `${flag.version}` }, value }]
    },
  })
  return [
    ofFlag(
      'cutover_percent',
      'Share of owners whose new jobs take the queue, as it was set last',
      async (flag) => flag.percent,
    ),
    ofFlag(
      'guard_looked_seconds',
      'Time since a guard last looked, on a step that has one; it has to stay below a few GUARD_INTERVAL_S',
      async ({ guard, changedAt }) =>
        guard &&
        (Date.now() - Date.parse((await ports.sweeps.lastCursor(GUARD_TURN)) ?? changedAt.toISOString())) / 1000,
    ),
    ofFlag(
      'cutover_ratio_p',
      'Chance of a split of the owners as odd as that of the last hour, were it the flag’s; below 0.001 it is not',
      // A provider of its own deals the owners otherwise.
      async ({ version, percent }) =>
        hasProvider ? null : checkRatio(await ports.comparison.ownersBySide(version, RATIO_WINDOW_S), percent).pValue,
    ),
  ]
}

const NOTHING: RouteFigures = {
  ...{ accepted: 0, completed: 0, failed: {}, retried: {}, cancelled: 0, owners: 0, oldestUnfinishedS: null },
  resultS: { p50: 0, p95: 0, p99: 0 },
}

/** A legacy server's own codes are one: however many it makes up, they are no more time series. */
function ofKnownCodes(failed: RouteFigures['failed']): Record<string, number> {
  const counts: Record<string, number> = { other: 0 }
  for (const [code, count] of Object.entries(failed)) {
    const label = Object.hasOwn(ERRORS, code) ? code : 'other'
    counts[label] = (counts[label] ?? 0) + count
  }
  return counts
}

function labelled(label: string, values: Readonly<Record<string, number>>) {
  return Object.entries(values).map(([key, value]) => ({ labels: { [label]: key } as Record<string, string>, value }))
}
