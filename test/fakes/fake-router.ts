import type { CutoverFlag, RouteDecision } from '../../src/domain/cutover.ts'
import type { Router } from '../../src/ports/cutover.ts'

export interface FakeRouter extends Router {
  /** Owners that were asked for, in their order. */
  readonly asked: (string | undefined)[]
  /** What was learned. */
  readonly learned: CutoverFlag[]
  /** From now on everybody goes this way. */
  set(decision: RouteDecision): void
}

/** Sends everybody the same way: to the queue, until it is told another. */
export function createFakeRouter(): FakeRouter {
  let decision: RouteDecision = { route: 'queue', reason: 'default', flagVersion: null }
  const [asked, learned]: [(string | undefined)[], CutoverFlag[]] = [[], []]
  return {
    asked,
    learned,
    decide: async (owner) => {
      asked.push(owner)
      return decision
    },
    ready: async () => {},
    learn: (flag) => void learned.push(flag),
    set: (value) => {
      decision = value
    },
  }
}
