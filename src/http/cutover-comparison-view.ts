/** Both routes side by side, as an admin reads them. */
import { judgeStep } from '../domain/guard.ts'
import { checkRatio } from '../domain/ratio-check.ts'
import type { CutoverSettings, RouteComparison, RouteFigures, StoredFlag } from '../ports/cutover.ts'
import type { Ports } from '../ports.ts'
import { lastLookAt } from '../services/guard-cutover.ts'
import { inTime } from '../services/in-time.ts'
import { lookAtStep } from '../services/look-at-step.ts'
import type { CutoverComparisonView } from './cutover-comparison-schemas.ts'

const WINDOWS_S = [300, 3600]
const RATIO_WINDOW_S = 3600

/** Whoever reads the flag to change it waits no longer for figures than this; they are kept, and there the next time. */
const PATIENCE_MS = 2_000
/** Far above `GUARD_INTERVAL_S` and what a look takes, and what the clocks of two machines differ by. */
const STALE_MS = 600_000
export const NO_COMPARISON: CutoverComparisonView = { routes: [], ratio_check: null, guard_state: null }

type ComparedPorts = Pick<Ports, 'comparison' | 'sweeps'>

/** The fields of the flag in force; empty where they cannot be had in two seconds. Throws `database-unavailable`. */
export async function readComparison(
  ports: ComparedPorts & Pick<Ports, 'cutover' | 'log'>,
  settings: Pick<CutoverSettings, 'provider'>,
): Promise<CutoverComparisonView> {
  const flag = await ports.cutover.current()
  try {
    return (await inTime(viewComparison(ports, flag, settings), PATIENCE_MS)) ?? NO_COMPARISON
  } catch (error) {
    // Whoever reads the flag to change it has it all the same.
    ports.log.warn({ err: error }, 'routes not compared')
    return NO_COMPARISON
  }
}

/** The fields `routes`, `ratio_check` and `guard_state` of a flag. Throws `database-unavailable`. */
export async function viewComparison(
  ports: ComparedPorts,
  flag: StoredFlag | undefined,
  { provider }: Pick<CutoverSettings, 'provider'>,
): Promise<CutoverComparisonView> {
  const { comparison } = ports
  const [routes, ratio, guard] = await Promise.all([
    Promise.all(WINDOWS_S.map((windowS) => viewRoutes(comparison, windowS))),
    // Where a company's own provider decides, the flag's percentage says nothing of the split.
    flag === undefined || provider !== null ? null : viewRatio(comparison, flag),
    flag === undefined ? null : viewGuard(ports, flag),
  ])
  return { routes, ratio_check: ratio, guard_state: guard }
}

async function viewRoutes(comparison: RouteComparison, windowS: number): Promise<CutoverComparisonView['routes'][0]> {
  const { queue, direct } = await comparison.figures(windowS)
  return { window_s: windowS, queue: toFiguresView(queue), direct: toFiguresView(direct) }
}

function toFiguresView({ resultS, oldestUnfinishedS, ...counts }: RouteFigures) {
  const { accepted, completed, failed, retried, cancelled, owners } = counts
  return {
    ...{ accepted, completed, failed, retried, cancelled, owners },
    result_s: resultS === null ? null : { p50: toMs(resultS.p50), p95: toMs(resultS.p95), p99: toMs(resultS.p99) },
    oldest_unfinished_s: oldestUnfinishedS === null ? null : toMs(oldestUnfinishedS),
  }
}

/** Rows have milliseconds. */
function toMs(seconds: number): number {
  return Math.max(0, Math.round(seconds * 1000) / 1000)
}

async function viewRatio(comparison: RouteComparison, { version, percent }: StoredFlag) {
  const { owners, expectedShare, share, pValue, ok } = checkRatio(
    await comparison.ownersBySide(version, RATIO_WINDOW_S),
    percent,
  )
  return { owners, expected_share: expectedShare, share, p_value: pValue, ok }
}

async function viewGuard(ports: ComparedPorts, flag: StoredFlag): Promise<CutoverComparisonView['guard_state']> {
  if (flag.guard === null) return null
  const [look, lookedAt] = await Promise.all([lookAtStep(ports.comparison, flag, flag.guard), lastLookAt(ports)])
  const { action, why, evidence } = judgeStep(look, flag.guard)
  const { failing, ...rest } = evidence
  const stale = lookedAt === null || Date.now() - Date.parse(lookedAt) > STALE_MS
  return { action, why, looked_at: lookedAt, stale, ...rest, failing_owners: failing }
}
