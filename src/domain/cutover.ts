/**
 * Who goes which way while traffic moves over from the direct route to the queue. Invariant 8: a job's route is decided
 * once, when its row is made, and the buckets are nested: whoever is in at 50 % is in at 80 %.
 *
 *   forced by the environment → that route, or by a percentage of its own
 *   owner on the deny list    → direct          owner on the allow list → queue
 *   else                      → queue when the owner's bucket is below the percentage
 */
import { createHash } from 'node:crypto'
import { AppError } from './errors.ts'
import type { Route, RouteReason } from './job.ts'

/** Hundredths of a per cent. */
export const BUCKETS = 10_000
/** Never changed: with another one every owner would be dealt anew. */
const SALT = 'tonewire-cutover'

/** The bucket of an owner, 0–9999: always the same, spread evenly (SHA-256 of salt and owner). */
export function bucketOf(owner: string): number {
  const digest = createHash('sha256').update(`${SALT}:${owner}`).digest()
  // Of 2^48 values each bucket has the same number but for one in 2.8e10.
  return digest.readUIntBE(0, 6) % BUCKETS
}

/** True for an owner who is in at this percentage (0–100, to two decimals). */
export function isIn(owner: string, percent: number): boolean {
  return bucketOf(owner) < Math.round(percent * (BUCKETS / 100))
}

export interface CutoverRules {
  /** 0–100, in steps of 0.01: the share of owners whose new jobs take the queue. */
  readonly percent: number
  /** Owners who take the queue whatever the percentage. */
  readonly allow: readonly string[]
  /** Owners who take the direct route whatever the percentage; it wins over `allow`. */
  readonly deny: readonly string[]
}

/** Steps upward that are taken by themselves, and what they are guarded by. */
export interface GuardPlan {
  /** Percentages, rising. */
  readonly steps: readonly number[]
  /** Seconds of one window, and the least time on a step. */
  readonly holdS: number
  /** Distinct owners with an ended job, on each side, before a step upward. */
  readonly minOwners: number
  /** True after a step back: it goes on watching, and up again only by an operator's word. */
  readonly halted: boolean
}

/** The flag as an operator, or the guard, has set it. */
export interface CutoverFlag extends CutoverRules {
  /** From 1, one more with each change. */
  readonly version: number
  readonly reason: string
  /** The admin who set it, or `guard`. */
  readonly changedBy: string
  readonly origin: 'operator' | 'guard'
  readonly changedAt: Date
  /** Null: nothing happens by itself. */
  readonly guard: GuardPlan | null
}

export interface RouteDecision {
  readonly route: Route
  readonly reason: RouteReason
  /** Of the flag that decided; null when none did. */
  readonly flagVersion: number | null
}

/** What the rules say of an owner. */
export function decideRoute(owner: string, { percent, allow, deny }: CutoverRules): Omit<RouteDecision, 'flagVersion'> {
  if (deny.includes(owner)) return { route: 'direct', reason: 'denied' }
  if (allow.includes(owner)) return { route: 'queue', reason: 'allowed' }
  return { route: isIn(owner, percent) ? 'queue' : 'direct', reason: 'percentage' }
}

/** `true`, `false` or a percentage, as `USE_QUEUE_SYSTEM` has it; undefined for anything else. */
export function parseShare(text: string): number | undefined {
  if (text === 'true') return 100
  if (text === 'false') return 0
  const [, digits] = /^(\d{1,3}(?:\.\d{1,2})?)%?$/.exec(text) ?? []
  const percent = Number(digits)
  return digits !== undefined && percent <= 100 ? percent : undefined
}

/** What is told to whoever changes version `expected` while another one is in force; undefined: none has been set. */
export function conflictWith(inForce: CutoverFlag | undefined, expected: number): AppError {
  if (inForce === undefined) {
    return new AppError('cutover-conflict', `No version has been set yet: change version 0, not ${expected}`)
  }
  const { version, changedBy, percent, changedAt, reason } = inForce
  const what = `${changedBy} set ${percent} % at ${changedAt.toISOString()}: ${reason}`
  return new AppError('cutover-conflict', `Version ${version} is in force, not ${expected}. ${what}`)
}
