/**
 * Whether the owners are split as the flag says ("sample ratio mismatch"): another share means that something else than
 * the flag decides, or that the rows of one side get lost. Each owner counts once, so one who is busy changes nothing.
 */
import { lnBeta } from './binomial.ts'
import type { Route } from './job.ts'

export interface RatioCheck {
  /** Distinct owners, of both routes. */
  readonly owners: number
  /** What the flag says, and what there is, 0–1; null without owners. */
  readonly expectedShare: number
  readonly share: number | null
  /** The chance of a split as odd as this at any of all looks while the owners come in. */
  readonly pValue: number
  readonly ok: boolean
}

/** So long after a change every process goes by it: twice what the slowest way to hear of it takes. */
export const SPREAD_S = 10

const ALARM = 0.001
/** Owners' worth of doubt that the split is the flag's: with more, small deviations are found later and large ones sooner. */
const WEIGHT = 200

/**
 * A check that may be made as often as one likes (M. Lindon and A. Malek, "Anytime-valid inference for multinomial count
 * data", 2022): the likelihood of the split under shares around the flag's, a beta distribution, over that under the
 * flag's own is a test martingale, and its reciprocal a bound of the p-value at all times. A binomial test that is made
 * again at each look would cry sooner or later.
 */
export function checkRatio({ queue, direct }: Readonly<Record<Route, number>>, percent: number): RatioCheck {
  const owners = queue + direct
  const expectedShare = Math.round(percent * 100) / 10_000
  const pValue = pValueOf(queue, direct, expectedShare)
  return { owners, expectedShare, share: owners === 0 ? null : queue / owners, pValue, ok: pValue >= ALARM }
}

function pValueOf(queue: number, direct: number, expected: number): number {
  // At the ends a single owner on the other side is one too many.
  if (expected === 0) return queue > 0 ? 0 : 1
  if (expected === 1) return direct > 0 ? 0 : 1
  const [a, b] = [WEIGHT * expected, WEIGHT * (1 - expected)]
  const evidence = lnBeta(a + queue, b + direct) - lnBeta(a, b)
  return Math.min(1, Math.exp(queue * Math.log(expected) + direct * Math.log1p(-expected) - evidence))
}
