/** Which jobs a kill cell sends: few, and whatever makes the role make the call. */
import type { Role } from '../../src/roles.ts'
import type { Kind } from './load.ts'

/** Every end of a job. */
const SHORT: readonly Kind[] = ['plain', 'callback', 'failing', 'cancelled', 'twice', 'long']
const OF_ROLE: Readonly<Partial<Record<Role, readonly Kind[]>>> = {
  api: ['cut', 'compared', 'direct'],
  // Its row is read again only where an analysis takes longer than a second.
  analyse: ['compared', 'longest'],
}

/** What owners of the direct route send in the cells of the roles that have to do with them. */
export const ON_DIRECT_ROUTE: readonly Kind[] = ['plain', 'callback', 'failing', 'cancelled', 'twice', 'cut', 'held']
const OF_DIRECT_ROUTE: readonly Role[] = ['api', 'reconcile']

export function directKindsOf(role: Role): readonly Kind[] {
  return OF_DIRECT_ROUTE.includes(role) ? ON_DIRECT_ROUTE : []
}

/** The mishaps, each of which takes some seconds of its own: only where the call has to do with it. */
const OF_CALL: Readonly<Partial<Record<Role, readonly (readonly [RegExp, readonly Kind[]])[]>>> = {
  api: [
    [/^(deadLetters\.|jobs\.restart$)/, ['retried', 'redriven', 'discarded']],
    [/^deliveries\./, ['replayed']],
  ],
  reconcile: [
    [/^(deadLetters\.(keep|raise)|\w+DeadQueue\.|jobs\.find$)/, ['retried', 'redriven', 'poison']],
    [/^(jobs\.advance|progress\.publish)$/, ['stalled', 'dropped', 'retried', 'redriven', 'poison']],
    [/^(directUploads\.|uploadFacts\.|objects\.delete$)/, ['stalled']],
    [/^jobQueue\./, ['dropped']],
  ],
}

/** @param all with every mishap of the role: its call did not come without them */
export function kindsOf(role: Role, call: string, all: boolean): Kind[] {
  const mishaps = (OF_CALL[role] ?? []).filter(([calls]) => all || calls.test(call)).flatMap(([, kinds]) => kinds)
  return [...SHORT, ...(OF_ROLE[role] ?? []), ...new Set(mishaps)]
}

/** What the reconciler alone does, and only where orders are lost; that takes some seconds as well. */
const OF_LOSSES = /^(analysisQueue\.|resultQueue\.|jobs\.claimStalled$|objects\.urlOf$)/

/** @param all as of `kindsOf` */
export function needsLosses(role: Role, call: string, all: boolean): boolean {
  return role === 'reconcile' && (all || OF_LOSSES.test(call))
}
