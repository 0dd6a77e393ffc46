/** The cutover flag between the wire and the services: for the routes, and for the command that opens the stores itself. */
import type { GuardPlan } from '../domain/cutover.ts'
import type { CutoverSettings, StoredFlag } from '../ports/cutover.ts'
import type { Ports } from '../ports.ts'
import { type ChangePorts, changeCutover } from '../services/change-cutover.ts'
import type {
  CutoverChangeRequest,
  CutoverQuery,
  CutoverStateView,
  CutoverVersionView,
  CutoverView,
} from './cutover-schemas.ts'

const HISTORY_SIZE = 20

/** Where nothing is said of the cutover: everybody takes the queue. */
export const NO_CUTOVER: CutoverSettings = {
  ...{ defaultPercent: 100, forcedPercent: null, hasDirectRoute: false, provider: null },
}

/** What is in force, and a page of the history. */
export async function readCutover(
  { cutover }: Pick<Ports, 'cutover'>,
  settings: CutoverSettings,
  { before }: CutoverQuery = {},
): Promise<CutoverView> {
  const found = await cutover.history({ limit: HISTORY_SIZE + 1, ...(before !== undefined && { before }) })
  const current = before === undefined ? found[0] : await cutover.current()
  const page = found.slice(0, HISTORY_SIZE)
  return {
    ...toState(current, settings),
    history: page.map(toVersion),
    next_before: found.length > HISTORY_SIZE ? (page.at(-1)?.version ?? null) : null,
  }
}

/** Throws what `changeCutover` throws. */
export async function putCutover(
  ports: ChangePorts,
  settings: CutoverSettings,
  { guard = null, ...request }: CutoverChangeRequest,
  by: string,
): Promise<CutoverStateView> {
  const plan = guard && { steps: guard.steps, holdS: guard.hold_s, minOwners: guard.min_owners }
  return toState(await changeCutover(ports, settings, { ...request, guard: plan, by }), settings)
}

function toState(flag: StoredFlag | undefined, settings: CutoverSettings): CutoverStateView {
  const none = { reason: null, changed_by: null, changed_at: null, origin: null, allow: [], deny: [], guard: null }
  return {
    ...(flag === undefined ? { version: 0, percent: settings.defaultPercent, ...none } : toVersion(flag)),
    default_percent: settings.defaultPercent,
    forced: settings.forcedPercent,
    effective: effectiveOf(flag, settings),
  }
}

function effectiveOf(flag: StoredFlag | undefined, settings: CutoverSettings): CutoverStateView['effective'] {
  const { forcedPercent, hasDirectRoute, provider, defaultPercent } = settings
  if (!hasDirectRoute) return { percent: 100, by: forcedPercent === 100 ? 'forced' : 'no-direct-route' }
  if (forcedPercent !== null) return { percent: forcedPercent, by: 'forced' }
  if (provider !== null) return { percent: null, by: 'provider' }
  return flag === undefined ? { percent: defaultPercent, by: 'default' } : { percent: flag.percent, by: 'flag' }
}

function toVersion(flag: StoredFlag): CutoverVersionView {
  return {
    version: flag.version,
    percent: flag.percent,
    reason: flag.reason,
    changed_by: flag.changedBy,
    changed_at: flag.changedAt.toISOString(),
    origin: flag.origin,
    allow: [...flag.allow],
    deny: [...flag.deny],
    guard: flag.guard && toGuard(flag.guard),
  }
}

function toGuard({ steps, holdS, minOwners, halted }: GuardPlan) {
  return { steps: [...steps], hold_s: holdS, min_owners: minOwners, halted }
}
