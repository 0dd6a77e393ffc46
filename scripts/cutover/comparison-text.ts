import type { CutoverComparisonView } from '../../src/http/cutover-comparison-schemas.ts'

type Figures = CutoverComparisonView['routes'][number]['queue']

/** Both routes side by side, the check of the shares and the guard, a line each; nothing of what was not asked. */
export function comparisonLines(view: Partial<CutoverComparisonView> & { readonly guard?: object | null }): string[] {
  const { routes, ratio_check: check, guard_state: state, guard } = view
  if (routes?.length === 0) return ['No figures: they took longer than two seconds. They are kept for the next time.']
  const isBlind = guard != null && state === null
  return [
    ...(routes ?? []).flatMap(windowLines),
    ...ratioLines(check),
    ...(isBlind ? ['Guard    no figures'] : guardLines(state)),
  ]
}

function windowLines({ window_s: windowS, queue, direct }: CutoverComparisonView['routes'][number]): string[] {
  return [`Last ${windowS / 60} minutes`, `  queue   ${describe(queue)}`, `  direct  ${describe(direct)}`]
}

function describe({ accepted, completed, failed, retried, cancelled, owners, ...times }: Figures): string {
  const [failures, again] = [failed, retried].map((byCode) =>
    Object.entries(byCode)
      .map(([code, count]) => `${count} ${code}`)
      .join(', '),
  )
  const { result_s: result, oldest_unfinished_s: oldest } = times
  return [
    `${accepted} jobs of ${owners} owners`,
    `${completed} completed`,
    failures === '' ? '0 failed' : `failed: ${failures}`,
    ...(again === '' ? [] : [`tried again after: ${again}`]),
    `${cancelled} cancelled`,
    result === null ? 'no result yet' : `result after ${result.p50} s (p95 ${result.p95}, p99 ${result.p99})`,
    oldest === null ? 'nothing unfinished' : `oldest unfinished ${Math.round(oldest)} s`,
  ].join(' · ')
}

function ratioLines(check: CutoverComparisonView['ratio_check'] | undefined): string[] {
  if (check === undefined || check === null) return []
  if (check.share === null) return ['Shares   nobody was seen yet']
  const { owners, share, expected_share: expected, p_value: p, ok } = check
  const said = `${percentOf(share)} of ${owners} owners took the queue, ${percentOf(expected)} by the flag (p ${p})`
  return [ok ? `Shares   as they should be: ${said}` : `Shares   WRONG, something else than the flag decides: ${said}`]
}

function guardLines(state: CutoverComparisonView['guard_state'] | undefined): string[] {
  if (state === undefined || state === null) return []
  const {
    action,
    why,
    looked_at: lookedAt,
    stale,
    window,
    evidence,
    threshold,
    owners,
    failing_owners: failing,
  } = state
  const sides = (['queue', 'direct'] as const).map(
    (route) => `${failing[route]} of ${owners[route]} owners on ${route}`,
  )
  return [
    `Guard    ${action}: ${why}`,
    stale
      ? `         NOBODY LOOKS since ${lookedAt ?? 'ever'}: does worker:reconcile run, and can it reach the database?`
      : `         last looked at ${lookedAt}`,
    `         window ${window}, evidence ${evidence.toPrecision(3)} of ${threshold.toPrecision(3)}, failing: ${sides.join(', ')}`,
  ]
}

function percentOf(share: number): string {
  return `${Math.round(1000 * share) / 10} %`
}
