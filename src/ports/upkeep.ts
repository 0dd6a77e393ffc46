/** What rows say of what may go: for sweeps of the object store, for retention and for the deletion of an owner. */
import type { Job } from '../domain/job.ts'

/** Every method throws `database-unavailable` when the database cannot be reached. */
export interface SweepStore {
  /**
   * Takes the turn of a sweep by name: undefined while it is not due, or another has it. Who does not come back within
   * `leaseS` loses it.
   */
  claim(name: string, leaseS: number): Promise<SweepTurn | undefined>
  /** Notes how far the turn has come and holds it for as long again; false when it was lost to another. */
  keep(turn: SweepTurn, cursor: string, leaseS: number): Promise<boolean>
  /** Gives the turn back: the next is due in `dueInS` and begins after `cursor`, or from the start. */
  end(turn: SweepTurn, next: { readonly cursor: string | null; readonly dueInS: number }): Promise<void>
  /** How far the turns of this name have come; null when they are at the start, or there was none. */
  lastCursor(name: string): Promise<string | null>
  /** Of these keys, which begin with the kind, those that no row needs, now or ever again; keys of no known form stay. */
  findUnneeded(kind: ObjectKind, keys: readonly string[]): Promise<string[]>
  /**
   * Unfinished jobs whose recording is stored, oldest attempt first, those after `after`; `after` of the last is the next
   * page's. Those that began less than `minAgeS` ago are left out.
   */
  findStored(page: {
    readonly after: string | null
    readonly minAgeS: number
    readonly limit: number
  }): Promise<readonly { readonly job: Job; readonly after: string }[]>
}

export const OBJECT_KINDS = ['audio', 'uploads', 'results', 'references'] as const
export type ObjectKind = (typeof OBJECT_KINDS)[number]

export interface SweepTurn {
  readonly name: string
  readonly lease: string
  /** Where the turn before stopped; null at the start. */
  readonly cursor: string | null
  /** The database's clock when the turn was taken. */
  readonly now: Date
}

/** Every method throws `database-unavailable` when the database cannot be reached. */
export interface RetentionStore {
  /**
   * Hands out jobs that ended longer ago than `ageS`, oldest first. From then on they count as purged: none of them is
   * retried. One that is not finished within `leaseS` is handed out again.
   */
  claim(rules: { readonly ageS: number; readonly leaseS: number; readonly limit: number }): Promise<Job[]>
  /** Leaves tombstones of jobs that were handed out: no results, no personal fields, no callbacks, no hops. How many. */
  finish(jobIds: readonly string[]): Promise<number>
}

export interface OwnerDeletion {
  readonly owner: string
  readonly requestedAt: Date
}

export interface BegunDeletion extends OwnerDeletion {
  /** Keys that ended with this call. */
  readonly keyIds: readonly string[]
  /** What there still was. */
  readonly jobs: number
  readonly tokens: number
}

/** Every method throws `database-unavailable` when the database cannot be reached. */
export interface OwnerDeletionStore {
  /**
   * Begins it, once, and deletes the owner's keys, which `KeyStore.ensure` never makes again. Until it has ended, whatever
   * would make something of the owner throws `owner-deleted`. `last-admin`: the owner has the only live admin keys, and nothing was done.
   */
  begin(owner: string): Promise<BegunDeletion | 'last-admin'>
  /** Hands out deletions that are due; each is due again after `retryS`. */
  claim(rules: { readonly retryS: number; readonly limit: number }): Promise<OwnerDeletion[]>
  /** Deletes the rows of these jobs with their results, callbacks and hops. */
  removeJobs(owner: string, jobIds: readonly string[]): Promise<void>
  /** Deletes the owner's tokens, keys, secrets and dead letters. */
  removeOthers(owner: string): Promise<void>
  /** Ends it when it began at least `settleS` ago and there is no row of the owner; true when it is over. */
  end(owner: string, settleS: number): Promise<boolean>
}
