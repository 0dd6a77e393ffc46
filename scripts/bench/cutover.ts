/**
 * How often the guard of the cutover is wrong, of a thousand drawn cutovers each: taken back although the queue fails no
 * more owners, and not taken back within one window although it does. Nothing is started, it only computes.
 */
import { ALPHA, judgeStep, type Sides, type WindowOutcomes } from '../../src/domain/guard.ts'
import type { Route } from '../../src/domain/job.ts'
import { alphaOf, evidenceOfFailures } from '../../src/domain/route-test.ts'
import { drawWindow, type World } from './cutover-simulation.ts'
import type { Figures } from './figures.ts'
import { createRandom, type Random } from './random.ts'

const RUNS = 1000
const STEPS = [1, 10, 50, 80, 100]
/** As many on each step. */
const WINDOWS = 4
const MOST_WRONG = 0.01

/** Both routes fail as many owners. */
const NULLS: readonly {
  readonly name: string
  readonly owners: number
  readonly percent: number
  readonly rate: number
}[] = [1, 10, 50].flatMap((percent) =>
  [0.02, 0.2].map((rate) => ({ name: `at ${percent} %, both ${percentOf(rate)}`, owners: 2000, percent, rate })),
)

interface Effect {
  readonly percent: number
  readonly perSide: number
  readonly failing: Readonly<Record<Route, number>>
}

const EFFECTS: readonly Effect[] = [
  { percent: 50, perSide: 1400, failing: { direct: 0.02, queue: 0.07 } },
  { percent: 50, perSide: 300, failing: { direct: 0.02, queue: 0.15 } },
  { percent: 50, perSide: 300, failing: { direct: 0.02, queue: 0.2 } },
  { percent: 10, perSide: 300, failing: { direct: 0.02, queue: 0.14 } },
  { percent: 1, perSide: 300, failing: { direct: 0.02, queue: 0.14 } },
]

export async function benchCutover(figures: Figures, seed: number): Promise<void> {
  const random = createRandom(seed)
  for (const point of NULLS) reportNull(figures, random, point)
  reportWholeCutovers(figures, random)
  for (const effect of EFFECTS) reportEffect(figures, random, effect)
  reportTooFew(figures, random)
  for (const rate of [0.02, 0.2]) reportLeft(figures, random, rate)
  for (const rate of [0.02, 0.05, 0.08]) reportLongLeft(figures, random, rate)
  reportThin(figures, random)
}

function isAlarm({ failures }: WindowOutcomes, window: number, percent: number): boolean {
  return evidenceOfFailures(failures, percent / 100) >= 1 / alphaOf(window, STEPS.length, ALPHA)
}

function percentOf(share: number): string {
  return `${Math.round(100 * share)} %`
}

function shareOf(runs: number, draw: () => boolean): number {
  let count = 0
  for (let run = 0; run < runs; run += 1) if (draw()) count += 1
  return count / runs
}

function hasFalseAlarm(random: Random, world: World, percent: number): boolean {
  for (let window = 1; window <= WINDOWS; window += 1) {
    if (isAlarm(drawWindow(random, world), window, percent)) return true
  }
  return false
}

function reportNull(figures: Figures, random: Random, { name, owners, percent, rate }: (typeof NULLS)[number]): void {
  const world = { owners, share: percent / 100, failing: { queue: rate, direct: rate } }
  const value = shareOf(RUNS, () => hasFalseAlarm(random, world, percent))
  figures.add(
    { name: `false rollbacks ${name}`, value, unit: 'of runs', target: MOST_WRONG, bound: 'most' },
    { runs: RUNS, owners, windows: WINDOWS, looks: 'after every owner' },
  )
}

/** The guarantee is of the whole: all steps with both routes, all their windows. */
function reportWholeCutovers(figures: Figures, random: Random): void {
  const failing = { queue: 0.05, direct: 0.05 }
  const steps = STEPS.filter((percent) => percent < 100)
  const value = shareOf(RUNS, () =>
    steps.some((percent) => hasFalseAlarm(random, { owners: 1000, share: percent / 100, failing }, percent)),
  )
  figures.add(
    { name: 'false rollbacks of whole cutovers', value, unit: 'of runs', target: MOST_WRONG, bound: 'most' },
    { runs: RUNS, owners: 1000, steps, windows: WINDOWS },
  )
}

function missedOf(random: Random, { percent, perSide, failing }: Effect): { missed: number; owners: number } {
  // The smaller side has this many.
  const owners = Math.round(perSide / (Math.min(percent, 100 - percent) / 100))
  const world = { owners, share: percent / 100, failing }
  return { missed: shareOf(RUNS, () => !isAlarm(drawWindow(random, world), 1, percent)), owners }
}

function reportEffect(figures: Figures, random: Random, effect: Effect): void {
  const { missed, owners } = missedOf(random, effect)
  const { percent, perSide, failing } = effect
  const name = `missed at ${percent} %, ${percentOf(failing.direct)} → ${percentOf(failing.queue)}, ${perSide} owners on the smaller side`
  figures.add({ name, value: missed, unit: 'of runs', target: MOST_WRONG, bound: 'most' }, { runs: RUNS, owners })
}

/** What it cannot do, so that nobody believes it could: no test can, see docs/decisions/cutover.md. */
function reportTooFew(figures: Figures, random: Random): void {
  const { missed, owners } = missedOf(random, { percent: 50, perSide: 300, failing: { direct: 0.02, queue: 0.07 } })
  figures.add(
    {
      name: 'missed at 50 %, 2 % → 7 %, 300 owners on each side',
      value: missed,
      unit: 'of runs',
      target: 1,
      bound: 'most',
    },
    { runs: RUNS, owners },
  )
}

const worldOf = (owners: number, share: number, queue: number, direct: number): World => {
  return { owners, share, failing: { queue, direct } }
}

/** Whether one window at 100 % is taken back, looked at after every owner. */
function isTakenBack(outcomes: WindowOutcomes, number: number, baseline: Sides, minOwners = 300): boolean {
  const plan = { steps: STEPS, holdS: 3600, minOwners, halted: false }
  const look = { percent: 100, ageS: 3600 * number, windows: [{ number, outcomes }], baseline, deadLetterOwners: 0 }
  return judgeStep(look, plan).action === 'back'
}

/** At 100 % with the share of the last window to go by, of 600 owners on the queue. */
function reportLeft(figures: Figures, random: Random, rate: number): void {
  const isBack = (queue: number) => {
    const baseline = drawWindow(random, worldOf(1200, 0.5, rate, rate))
    return isTakenBack(drawWindow(random, worldOf(1200, 1, queue, rate)), 1, baseline)
  }
  const name = `at 100 %, ${percentOf(rate)} before`
  const target = { unit: 'of runs', target: MOST_WRONG, bound: 'most' } as const
  figures.add({ name: `false rollbacks ${name}`, value: shareOf(RUNS, () => isBack(rate)), ...target }, { runs: RUNS })
  const queue = rate === 0.02 ? 0.2 : 0.6
  const missed = shareOf(RUNS, () => !isBack(queue))
  figures.add({ name: `missed ${name}, then ${percentOf(queue)}`, value: missed, ...target }, { runs: RUNS })
}

const WINDOWS_LEFT = 168

/** A week of hours at 100 % with few owners in each: whatever has a chance in every window has one in one of them. */
function reportLongLeft(figures: Figures, random: Random, rate: number): void {
  const runs = RUNS / 5
  const value = shareOf(runs, () => {
    const baseline = drawWindow(random, worldOf(600, 0.5, rate, rate))
    for (let number = 1; number <= WINDOWS_LEFT; number += 1) {
      if (isTakenBack(drawWindow(random, worldOf(100, 1, rate, rate)), number, baseline, 100)) return true
    }
    return false
  })
  figures.add(
    {
      name: `false rollbacks in a week at 100 %, ${percentOf(rate)}`,
      value,
      unit: 'of runs',
      target: 0.01,
      bound: 'most',
    },
    { runs, owners: 100, windows: WINDOWS_LEFT },
  )
}

/** A baseline of five owners says nothing: then more than a fifth is too many. */
function reportThin(figures: Figures, random: Random): void {
  const side = { owners: 5, failed: 0 }
  const baseline = { queue: side, direct: side }
  const value = shareOf(RUNS, () => !isTakenBack(drawWindow(random, worldOf(300, 1, 0.6, 0.6)), 1, baseline))
  const name = 'missed at 100 % with five owners before, then 60 %'
  figures.add({ name, value, unit: 'of runs', target: MOST_WRONG, bound: 'most' }, { runs: RUNS, owners: 300 })
}
