import type { Job, RouteReason } from './job.ts'

const REASONS: Readonly<Record<RouteReason, string>> = {
  forced: 'forced by USE_QUEUE_SYSTEM_FORCE',
  denied: 'its owner is on the deny list',
  allowed: 'its owner is on the allow list',
  percentage: 'by the percentage of the cutover',
  default: 'by USE_QUEUE_SYSTEM, as no flag was set',
  provider: 'as the flag provider said',
  'no-owner': 'by USE_QUEUE_SYSTEM, as its owner was not known',
  'no-direct-route': 'there is no other',
}

/** Which way a job goes and why, such as `queue route (by the percentage of the cutover, flag version 4)`. */
export function explainRoute({
  route,
  routeReason,
  flagVersion,
}: Pick<Job, 'route' | 'routeReason' | 'flagVersion'>): string {
  if (routeReason === null) return `${route} route`
  const version = flagVersion === null ? '' : `, flag version ${flagVersion}`
  return `${route} route (${REASONS[routeReason]}${version})`
}
