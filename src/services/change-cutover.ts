/** An operator sets the flag: checked, kept, and told to every process. */
import { type CutoverFlag, conflictWith, type GuardPlan } from '../domain/cutover.ts'
import { AppError } from '../domain/errors.ts'
import type { CutoverNews, CutoverSettings, Router, StoredFlag } from '../ports/cutover.ts'
import type { Ports } from '../ports.ts'
import { baselineAtOnce } from './look-at-step.ts'

export type ChangePorts = Pick<Ports, 'cutover' | 'comparison' | 'metrics' | 'log'> & {
  readonly router: Pick<Router, 'learn'>
  readonly cutoverNews: Pick<CutoverNews, 'tell'>
}

export interface OperatorsChange {
  /** The version that is changed. */
  readonly version: number
  readonly percent: number
  readonly reason: string
  /** Left out: as they are. */
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
  readonly guard: Omit<GuardPlan, 'halted'> | null
  readonly by: string
}

/**
 * Makes the next version. This process goes by it at once, the others when they are told, or find it within 5 s.
 *
 * @throws AppError `request-invalid`, `direct-route-missing`, `cutover-conflict`, `database-unavailable`
 */
export async function changeCutover(
  ports: ChangePorts,
  { hasDirectRoute }: Pick<CutoverSettings, 'hasDirectRoute'>,
  change: OperatorsChange,
): Promise<StoredFlag> {
  const { version, percent, reason, by, guard } = change
  assertHundredths('percent', percent)
  if (guard !== null) assertSteps(guard.steps)
  // Whatever its steps: what a guard does is to step back.
  if (!hasDirectRoute && (percent < 100 || guard !== null)) {
    const detail = `${guard === null ? 'Below 100 %' : 'With a guard'} some jobs would take the direct route, and there is none`
    throw new AppError('direct-route-missing', `${detail}: set ANALYSIS_SERVER_URL and WEBHOOK_URL first`)
  }
  const current = await ports.cutover.current()
  if ((current?.version ?? 0) !== version) throw conflictWith(current, version)
  const { allow = current?.allow ?? [], deny = current?.deny ?? [] } = change
  const made = await ports.cutover.change(
    {
      ...{ percent, reason, changedBy: by, origin: 'operator' },
      allow: [...new Set(allow)],
      deny: [...new Set(deny)],
      guard: guard && { ...guard, halted: false },
      baseline: await baselineAtOnce(ports, percent, current?.baseline ?? null),
    },
    version,
  )
  await spreadChange(ports, made)
  return made
}

/** Lets this process know of a new version at once, and tells the others as well as that can be done. Never throws. */
export async function spreadChange(
  { router, cutoverNews, metrics, log }: Omit<ChangePorts, 'cutover' | 'comparison'>,
  flag: CutoverFlag,
): Promise<void> {
  router.learn(flag)
  metrics.count('cutover_changes', { origin: flag.origin })
  try {
    await cutoverNews.tell(flag.version)
  } catch (error) {
    log.warn({ version: flag.version, err: error }, 'cutover change not told; processes find it within 5 s')
  }
}

function assertHundredths(name: string, percent: number): void {
  if (Math.round(percent * 100) / 100 === percent) return
  throw new AppError('request-invalid', `${name}: ${percent} is finer than 0.01, which is one bucket of owners`)
}

function assertSteps(steps: readonly number[]): void {
  for (const [index, step] of steps.entries()) {
    assertHundredths('guard/steps', step)
    const before = steps[index - 1] ?? 0
    if (step <= before)
      throw new AppError('request-invalid', `guard/steps: ${step} comes after ${before}; they have to rise`)
  }
}
