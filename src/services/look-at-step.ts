/** What the guard and the comparison look at on a step: its windows, and what went before it. */
import type { GuardPlan } from '../domain/cutover.ts'
import { FEWEST_OF_BASELINE, type Sides, type StepLook } from '../domain/guard.ts'
import type { Baseline, RouteComparison, StoredFlag, VersionWindow } from '../ports/cutover.ts'
import type { Ports } from '../ports.ts'
import { inTime } from './in-time.ts'

/** Without a guard nobody said how long a window is. */
const WINDOW_S = 3600
const LATE_S = 600
const AT_ONCE_MS = 500

/** Looks at the step that the flag is on, in the windows of this plan. Throws `database-unavailable`. */
export async function lookAtStep(
  comparison: RouteComparison,
  { version, percent, baseline }: Pick<StoredFlag, 'version' | 'percent' | 'baseline'>,
  { holdS }: Pick<GuardPlan, 'holdS'>,
): Promise<StepLook> {
  const ageS = await comparison.ageS(version)
  const [windows, deadLetterOwners] = await Promise.all([
    Promise.all(
      windowsAt(ageS, holdS).map(async ({ number, ...window }) => {
        return { number, outcomes: await comparison.outcomes(version, window) }
      }),
    ),
    hasBothRoutes(percent) ? 0 : comparison.deadLetterOwners(Math.min(holdS, ageS)),
  ])
  return { percent, ageS, windows, baseline, deadLetterOwners }
}

/**
 * What is to be kept with a change of the flag to this percentage, for the guard to go by when one route is left: the
 * last window with both, or what the version before has kept of it.
 */
export async function baselineFor(
  { cutover, comparison }: Pick<Ports, 'cutover' | 'comparison'>,
  percent: number,
): Promise<Baseline | null> {
  const flag = await cutover.current()
  if (flag === undefined) return null
  if (hasBothRoutes(percent) || !hasBothRoutes(flag.percent)) return flag.baseline
  const { windows } = await lookAtStep(comparison, flag, { holdS: flag.guard?.holdS ?? WINDOW_S })
  // The one that runs may have just begun, and the one before it may have had little traffic.
  const [best] = windows.map(({ outcomes }) => outcomes).toSorted((a, b) => smallerSide(b) - smallerSide(a))
  if (best === undefined || smallerSide(best) < FEWEST_OF_BASELINE) return flag.baseline
  return { queue: best.queue, direct: best.direct }
}

/** The same, or what was kept before where it cannot be had at once: nothing holds up an operator who goes back. */
export async function baselineAtOnce(
  ports: Pick<Ports, 'cutover' | 'comparison' | 'log'>,
  percent: number,
  kept: Baseline | null,
): Promise<Baseline | null> {
  try {
    const found = await inTime(baselineFor(ports, percent), AT_ONCE_MS)
    if (found !== undefined) return found
    ports.log.warn({ percent, waitedMs: AT_ONCE_MS }, 'cutover changed without waiting for the last window')
    return kept
  } catch (error) {
    ports.log.warn({ percent, err: error }, 'cutover changed without a look at the last window')
    return kept
  }
}

/** The window before the one that runs, from the second on, and the one that runs. */
function windowsAt(ageS: number, holdS: number): (VersionWindow & { number: number })[] {
  const running = Math.floor(ageS / holdS) + 1
  // Half a window at the most: of a step that was held for its time, half of the jobs at least could become late.
  const lateS = Math.min(LATE_S, holdS / 2)
  return [running - 1, running]
    .filter((number) => number > 0)
    .map((number) => ({ number, fromS: (number - 1) * holdS, toS: number * holdS, lateS }))
}

function smallerSide({ queue, direct }: Sides): number {
  return Math.min(queue.owners, direct.owners)
}

function hasBothRoutes(percent: number): boolean {
  return percent > 0 && percent < 100
}
