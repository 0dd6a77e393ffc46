/**
 * Windows of a cutover, drawn: how busy owners are has a heavy tail, each owner's failures come at the pace of the jobs, and
 * the flag deals owners to the routes. Times are parts of a window.
 */

import type { WindowOutcomes } from '../../src/domain/guard.ts'
import type { Route } from '../../src/domain/job.ts'
import type { Random } from './random.ts'

export interface World {
  /** Of both routes. */
  readonly owners: number
  /** Of them dealt to the queue, 0–1. */
  readonly share: number
  /** Owners with a failure in a window, 0–1, of each route. */
  readonly failing: Readonly<Record<Route, number>>
}

/** Jobs of an owner in a window: Pareto's distribution with the exponent 1.2, of at least 1 and at most 5000. */
const TAIL = 1.2
const MOST_JOBS = 5000
const jobsAt = (u: number) => Math.min(MOST_JOBS, (1 - u) ** (-1 / TAIL))

/** What the guard would see of one window, all owners having come by its end. */
export function drawWindow(random: Random, { owners, share, failing }: World): WindowOutcomes {
  const paces = { queue: paceOf(failing.queue), direct: paceOf(failing.direct) }
  const seen = { owners: { queue: 0, direct: 0 }, failed: { queue: 0, direct: 0 } }
  const failures: { at: number; route: Route }[] = []
  const firsts: { at: number; route: Route; failed: boolean }[] = []
  for (let i = 0; i < owners; i += 1) {
    const route = random.next() < share ? 'queue' : 'direct'
    const jobs = jobsAt(random.next())
    const at = timeOfFirst(random, jobs * paces[route])
    seen.owners[route] += 1
    if (at < 1) failures.push({ at, route })
    const failed = random.next() < paces[route]
    if (failed) seen.failed[route] += 1
    firsts.push({ at: timeOfFirst(random, jobs), route, failed })
  }
  const inOrder = <T extends { at: number }>(list: T[]) => list.sort((a, b) => a.at - b.at)
  return {
    queue: { owners: seen.owners.queue, failed: seen.failed.queue },
    direct: { owners: seen.owners.direct, failed: seen.failed.direct },
    failures: inOrder(failures).map(({ route }) => route),
    firsts: inOrder(firsts).map(({ failed }) => failed),
  }
}

function timeOfFirst(random: Random, pace: number): number {
  return -Math.log(1 - random.next()) / pace
}

const paces = new Map<number, number>()

/** The failures per job that give this share of owners with one in a window. */
function paceOf(failing: number): number {
  const known = paces.get(failing)
  if (known !== undefined) return known
  const quantiles = Array.from({ length: 4000 }, (_, i) => jobsAt((i + 0.5) / 4000))
  const shareAt = (pace: number) =>
    quantiles.reduce((sum, jobs) => sum + 1 - Math.exp(-jobs * pace), 0) / quantiles.length
  let [low, high] = [0, 1]
  for (let halvings = 0; halvings < 40; halvings += 1) {
    const middle = (low + high) / 2
    if (shareAt(middle) < failing) low = middle
    else high = middle
  }
  paces.set(failing, high)
  return high
}
