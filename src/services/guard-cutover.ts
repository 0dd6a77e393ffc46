/**
 * The guard of the cutover: looks at the step the flag is on and takes it back, or forward, by the rules of
 * `domain/guard.ts`. Invariant 2: the change is committed first, then told; the row is the outbox, so that a process that
 * dies in between leaves it to the next pass, and whoever is to be told may hear of it twice, never not at all.
 */
import type { GuardPlan } from '../domain/cutover.ts'
import { toAppError } from '../domain/errors.ts'
import { GUARD_TURN, type Judgement, judgeStep } from '../domain/guard.ts'
import type { StoredFlag } from '../ports/cutover.ts'
import type { Ports } from '../ports.ts'
import { spreadChange } from './change-cutover.ts'
import { baselineFor, lookAtStep } from './look-at-step.ts'

type GuardPorts = Pick<Ports, 'cutover' | 'cutoverNews' | 'comparison' | 'guardNotifier' | 'sweeps' | 'metrics' | 'log'>

export interface GuardRules {
  /** Between two passes, of all instances together. */
  readonly intervalS: number
  readonly signal?: AbortSignal
}

/** Above what a pass takes; who died in one is followed by another after it. */
const LEASE_S = 60
/** The pause is at least so many times as long as the look took, however large the table. */
const PAUSE_PER_LOOK = 20
const TOLD_PER_PASS = 5
/** Where this process decides routes too, it hears of the change as all do. */
const EARS = { learn: () => {} }

/** One pass, by one of all instances at a time; nothing where another has the turn. Throws `database-unavailable`. */
export async function guardCutover(ports: GuardPorts, { intervalS, signal }: GuardRules): Promise<void> {
  const turn = await ports.sweeps.claim(GUARD_TURN, LEASE_S)
  if (turn === undefined) return
  const beganMs = performance.now()
  let lookS = 0
  let lookedAt = turn.cursor
  try {
    try {
      await watchStep(ports)
      lookedAt = turn.now.toISOString()
    } catch (error) {
      // A guard that cannot look is one that guards nothing.
      count(ports, 'error')
      throw error
    } finally {
      // Of a look that failed too: one that ran into its time limit is not tried again at once.
      lookS = (performance.now() - beganMs) / 1000
      await tellChanges(ports, signal)
    }
  } finally {
    await ports.sweeps.end(turn, { cursor: lookedAt, dueInS: Math.max(intervalS, PAUSE_PER_LOOK * lookS) })
  }
}

/** When a guard of any instance last looked without a failure, ISO 8601; null when none has. Throws `database-unavailable`. */
export function lastLookAt({ sweeps }: Pick<Ports, 'sweeps'>): Promise<string | null> {
  return sweeps.lastCursor(GUARD_TURN)
}

/** Looks once, and changes the flag where that is due. Of several that do so at once one wins; the others did nothing. */
export async function watchStep(ports: GuardPorts): Promise<void> {
  const flag = await ports.cutover.current()
  if (flag?.guard == null) return
  const judgement = judgeStep(await lookAtStep(ports.comparison, flag, flag.guard), flag.guard)
  const { action, to, why, evidence } = judgement
  if (action === 'hold') return ports.log.debug({ version: flag.version, why, evidence }, 'guard holds the step')
  try {
    const made = await change(ports, flag, flag.guard, judgement)
    const { version } = made
    count(ports, action)
    const fields = { version, action, from: flag.percent, to, why, evidence }
    if (action === 'forward') ports.log.info(fields, 'guard changed the cutover')
    else ports.log.warn(fields, 'guard changed the cutover')
    await spreadChange({ ...ports, router: EARS }, made)
  } catch (error) {
    if (toAppError(error).code !== 'cutover-conflict') throw error
    count(ports, 'overtaken')
  }
}

async function change(ports: GuardPorts, flag: StoredFlag, plan: GuardPlan, judgement: Judgement) {
  const { action, to, why } = judgement
  const { allow, deny, version } = flag
  const baseline = await baselineFor(ports, to)
  const guard = { ...plan, halted: plan.halted || action !== 'forward' }
  const by = { changedBy: 'guard', origin: 'guard' } as const
  return ports.cutover.change({ percent: to, allow, deny, reason: why, guard, baseline, ...by }, version)
}

/**
 * Tells of what the guard did, oldest first; at the first that is not taken it stops, and the next pass goes on there.
 * Without an address the log, the metric and the history are all there is.
 */
async function tellChanges(ports: GuardPorts, signal?: AbortSignal): Promise<void> {
  const { cutover, guardNotifier, log } = ports
  for (const flag of await cutover.findUnnotified(TOLD_PER_PASS)) {
    if (guardNotifier.isConfigured) {
      const [before] = await cutover.history({ limit: 1, before: flag.version })
      const fault = await guardNotifier.notify(formatNotice(flag, before), signal)
      count(ports, fault === undefined ? 'told' : 'not-told')
      if (fault !== undefined) return log.warn({ version: flag.version, fault }, 'guard could not tell what it did')
    }
    await cutover.markNotified(flag.version)
  }
}

/** The wire of the notification: `version` tells a repeat. */
function formatNotice(flag: StoredFlag, before: StoredFlag | undefined): string {
  const { version, percent, reason, changedAt, guard } = flag
  const from = before?.percent ?? null
  return JSON.stringify({
    event: 'cutover-guard',
    action: guard?.halted !== true ? 'forward' : percent === from ? 'halt' : 'back',
    ...{ version, percent, previous_percent: from, reason },
    halted: guard?.halted ?? false,
    changed_at: changedAt.toISOString(),
  })
}

function count(
  { metrics }: GuardPorts,
  action: Judgement['action'] | 'overtaken' | 'error' | 'told' | 'not-told',
): void {
  metrics.count('guard', { action })
}
