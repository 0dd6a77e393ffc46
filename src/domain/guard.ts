/**
 * What the guard does on a step of the cutover, from one look at it:
 *
 *   alarm                                               → back to the step before, and halted
 *   alarm at 0 %, where nothing can go back             → halted
 *   halted, or on the last step                         → stays
 *   held for its time, and enough owners on both routes → forward
 *
 * A step is watched in windows of `holdS`; each begins a new test, so that an onset late on a long step is found about as
 * fast as an early one. An alarm is, with both routes in use, evidence that the queue fails more owners; with one route
 * left, evidence that it fails more than in the last window with both, or without one more than a fifth; and dead letters
 * of that many.
 */
import { upperShare } from './binomial.ts'
import type { GuardPlan } from './cutover.ts'
import type { Route } from './job.ts'
import { alphaOf, evidenceOfFailures, evidenceOfShare } from './route-test.ts'

export interface SideCount {
  /** Owners with a job whose end is known. */
  readonly owners: number
  /** Of them, those whose first job of the window counted as failed. */
  readonly failed: number
}

export type Sides = Readonly<Record<Route, SideCount>>

/** What the owners of one window came to: each counts once, however busy. */
export interface WindowOutcomes extends Sides {
  /** The routes of owners with a failure, in the order in which the first job of each that failed was made. */
  readonly failures: readonly Route[]
  /** Whether each owner's first job failed, in the order in which these were made. */
  readonly firsts: readonly boolean[]
}

export interface StepLook {
  readonly percent: number
  /** Seconds since the step began. */
  readonly ageS: number
  /** The window that runs and, from the second on, the one before it; numbers from 1. */
  readonly windows: readonly { readonly number: number; readonly outcomes: WindowOutcomes }[]
  /** The last window with both routes. */
  readonly baseline: Sides | null
  /** Owners with a new dead letter, in the last `holdS`. */
  readonly deadLetterOwners: number
}

export interface Evidence {
  readonly window: number
  /** How many times as likely what was seen is if the queue fails more, than if it does not; alarm at `threshold`. */
  readonly evidence: number
  readonly threshold: number
  readonly owners: Readonly<Record<Route, number>>
  /** Owners with at least one failure. */
  readonly failing: Readonly<Record<Route, number>>
}

export interface Judgement {
  readonly action: 'hold' | 'forward' | 'back' | 'halt'
  /** The percentage that follows; the one there is for `hold` and `halt`. */
  readonly to: number
  /** One sentence for an operator. */
  readonly why: string
  readonly evidence: Evidence
}

/** Of all instances one looks at a time; the turn's cursor is when it last could. */
export const GUARD_TURN = 'guard'

/** The chance that evidence takes a whole cutover back although the queue fails nobody more: of all steps, windows and looks. */
export const ALPHA = 0.01
const BASELINE_CONFIDENCE = 0.995
/** Of owners whose first job failed, where there is nothing to compare with. */
const MOST_FAILED = 0.2
const FEWEST_OWNERS = 10
/** Fewer on a side are nothing to compare with: of five that did not fail, up to two thirds may. */
export const FEWEST_OF_BASELINE = 30

export function judgeStep(look: StepLook, plan: GuardPlan): Judgement {
  const { percent } = look
  const found = look.windows.map((window) => weigh(look, window, plan))
  const evidence = found.find((one) => one.alarm !== undefined) ?? found.at(-1)
  if (evidence === undefined) throw new RangeError('A look has at least one window')
  const { alarm, ...shown } = evidence
  const judge = (action: Judgement['action'], to: number, why: string) => ({ action, to, why, evidence: shown })
  const above = alarm ?? (percent === 100 ? tooManyLetters(look, plan) : undefined)
  if (above !== undefined && percent > 0) return judge('back', stepBefore(percent, plan), above)
  if (above !== undefined && !plan.halted) return judge('halt', percent, above)
  if (plan.halted) return judge('hold', percent, 'Halted: it goes forward again only by an operator’s word.')
  const next = plan.steps.find((step) => step > percent)
  if (next === undefined) return judge('hold', percent, 'The last step is reached.')
  const lacking = whatLacks(look, plan)
  if (lacking !== undefined) return judge('hold', percent, lacking)
  return judge('forward', next, `Held for ${plan.holdS} s with enough owners and no alarm.`)
}

/** The share of owners on the queue that the flag's buckets give. */
function shareOf(percent: number): number {
  return Math.round(percent * 100) / 10_000
}

function weigh(look: StepLook, { number, outcomes }: StepLook['windows'][number], { steps }: GuardPlan) {
  const threshold = 1 / alphaOf(number, steps.length, ALPHA)
  const count = (route: Route) => outcomes.failures.filter((each) => each === route).length
  const shown = {
    window: number,
    threshold,
    owners: { queue: outcomes.queue.owners, direct: outcomes.direct.owners },
    failing: { queue: count('queue'), direct: count('direct') },
  }
  const share = shareOf(look.percent)
  if (share > 0 && share < 1) {
    const evidence = evidenceOfFailures(outcomes.failures, share)
    const alarm = evidence >= threshold ? describeFailures(shown, evidence, look.percent) : undefined
    return { ...shown, evidence, alarm }
  }
  const p0 = baselineShare(look)
  const evidence = evidenceOfShare(outcomes.firsts, p0 ?? MOST_FAILED)
  const { owners, failed } = outcomes[routeLeft(look.percent)]
  const alarm = evidence >= threshold ? describeShare({ owners, failed, number }, p0) : undefined
  return { ...shown, evidence, alarm }
}

function routeLeft(percent: number): Route {
  return percent > 0 ? 'queue' : 'direct'
}

/**
 * What the route that is left may fail: the upper bound of its own share in the last window with both, since it is that
 * route which goes on; undefined where there was no such window of enough owners.
 */
function baselineShare({ baseline, percent }: StepLook): number | undefined {
  const { owners, failed } = baseline?.[routeLeft(percent)] ?? { owners: 0, failed: 0 }
  return owners < FEWEST_OF_BASELINE ? undefined : upperShare(failed, owners, BASELINE_CONFIDENCE)
}

/** A limit and no test: letters without a job of this version are of no owner in a window. */
function tooManyLetters({ deadLetterOwners, windows }: StepLook, { minOwners, holdS }: GuardPlan): string | undefined {
  const owners = Math.max(...windows.map(({ outcomes }) => outcomes.queue.owners))
  const most = Math.max(FEWEST_OWNERS, Math.ceil(minOwners / 10), MOST_FAILED * owners)
  if (deadLetterOwners <= most) return undefined
  return `In the last ${holdS} s jobs of ${deadLetterOwners} owners became dead letters.`
}

function stepBefore(percent: number, { steps }: GuardPlan): number {
  return steps.findLast((step) => step < percent) ?? 0
}

/** Owners are counted in one window: what came over many of them would no longer be one look at the step. */
function whatLacks({ windows, ageS, percent }: StepLook, { holdS, minOwners }: GuardPlan): string | undefined {
  if (ageS < holdS) return `Held for ${Math.floor(ageS)} s of ${holdS} s.`
  const routes = (['queue', 'direct'] as const).filter((route) => (route === 'queue' ? percent > 0 : percent < 100))
  const most = Math.max(...windows.map(({ outcomes }) => Math.min(...routes.map((route) => outcomes[route].owners))))
  return most >= minOwners ? undefined : `Waits for ${minOwners} owners on each route in one window; ${most} so far.`
}

function describeFailures(
  { window, failing, owners }: Omit<Evidence, 'evidence' | 'threshold'>,
  evidence: number,
  percent: number,
): string {
  const sides = `${failing.queue} of ${owners.queue} on the queue and ${failing.direct} of ${owners.direct} on the direct route`
  const odds = evidence < 1e6 ? Math.round(evidence) : evidence.toExponential(1)
  return `In window ${window} at ${percent} % failures met ${sides}: ${odds} times as likely if the queue fails more owners.`
}

function describeShare({ owners, failed, number }: SideCount & { number: number }, p0: number | undefined): string {
  const before =
    p0 === undefined ? 'and nothing to compare with' : `where ${(100 * p0).toFixed(1)} % is the most expected`
  return `In window ${number} the first jobs of ${failed} of ${owners} owners failed, ${before}.`
}
