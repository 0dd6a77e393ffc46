/**
 * Whether the queue fails more owners than it may. Both tests are bets against "it does not" (test martingales): what a
 * bettor owns who began with 1 and could never gain on average were it true. By Ville's inequality (1939) the chance that
 * it ever reaches 1/α is at most α, however often one looks and whenever one stops (A. Wald 1945; P. Grünwald, R. de Heide
 * and W. Koolen, "Safe testing", 2024; J. ter Schure et al., "The safe logrank test", 2024).
 *
 * With owners on both routes: the hash deals each owner to the queue with the share π, whatever their jobs do. If the route
 * changes nothing, then of the owners, in the order in which each had a first failure, every next one is of the queue with
 * probability π, whoever is busy, whatever drifts in time, and also while both routes fail alike. If owners of the queue
 * fail θ times as fast it is θπ / (θπ + 1 − π).
 *
 * With one route only: in the order in which owners' first jobs end, each fails with at most the probability p₀ of the last
 * window with both. That is no randomised comparison: what fails on any route counts as the fault of this one.
 *
 * No one effect is assumed: an equal part of the money is on each of a few.
 */
import type { Route } from './job.ts'

/** How many times as often owners fail: what is bet on. */
const RATIOS = [2, 3.5, 6, 12]
const MOST = 0.95
const HELD_BACK = 0.5
const BET_PER_OWNER = 0.01
/** Beyond it numbers would be infinite, which no wire has. */
const RICH = 1e300

/**
 * What is owned after each of these first failures, of owners dealt to the queue with `share`: if the route changes
 * nothing, 1 on average after any number of them.
 */
export function wealthOfFailures(failures: readonly Route[], share: number): number[] {
  const bets = RATIOS.map((ratio) => (ratio * share) / (ratio * share + 1 - share))
  return wealth(
    failures.map((route) => route === 'queue'),
    share,
    bets,
  )
}

/** The most that was ever owned on the way: evidence of 1/α or more is found by chance with α at most. */
export function evidenceOfFailures(failures: readonly Route[], share: number): number {
  return share > 0 && share < 1 ? most(wealthOfFailures(failures, share)) : 1
}

/**
 * The same of first outcomes, against a share of failures of at most `p0`. Here owners who do not fail are evidence too, for
 * the route, and would outweigh those of a fault that begins late in a window: so half of the money is bet at the start,
 * and of the rest a part with each owner.
 */
export function evidenceOfShare(failed: readonly boolean[], p0: number): number {
  if (!(p0 > 0 && p0 < MOST)) return 1
  const bets = RATIOS.map((ratio) => Math.min(MOST, ratio * p0))
  const owned = bets.map(() => HELD_BACK)
  let rest = 1 - HELD_BACK
  return most(
    failed.map((isFailed) => {
      for (const [i, p1] of bets.entries()) {
        owned[i] = (owned[i]! + BET_PER_OWNER * rest) * (isFailed ? p1 / p0 : (1 - p1) / (1 - p0))
      }
      rest *= 1 - BET_PER_OWNER
      return rest + mean(owned)
    }),
  )
}

/** After each of these, having bet on p1 where it is p0. */
function wealth(hits: readonly boolean[], p0: number, bets: readonly number[]): number[] {
  const logs = bets.map(() => 0)
  const gains = bets.map((p1) => ({ hit: Math.log(p1 / p0), miss: Math.log((1 - p1) / (1 - p0)) }))
  return hits.map((isHit) => {
    for (const [i, gain] of gains.entries()) logs[i]! += isHit ? gain.hit : gain.miss
    return mean(logs.map(Math.exp))
  })
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function most(owned: readonly number[]): number {
  return Math.min(
    RICH,
    owned.reduce((most, each) => Math.max(most, each), 1),
  )
}

/**
 * The chance of a false alarm that one window of one step may have: `alpha` is shared by the steps, and on a step spent on
 * its windows by 6/π²w², whose sum over all w ≥ 1 is 1. So an onset late on a long step is found about as fast as an early
 * one, and all windows of all steps together give a false alarm with at most `alpha`.
 */
export function alphaOf(window: number, steps: number, alpha: number): number {
  return ((alpha / Math.max(1, steps)) * 6) / (Math.PI ** 2 * window ** 2)
}
