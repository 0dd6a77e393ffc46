/** Letters: messages that no consumer could bring to an end, kept with their payload until somebody decides. */

import type { LetterSource, LetterState } from '../domain/dead-letter.ts'
import type { JobStatus } from '../domain/job.ts'
import type { JobPlace } from '../domain/job-cursor.ts'

export interface NewLetter {
  readonly source: LetterSource
  /** As its queue names it; with the source it names the letter. */
  readonly messageId: string
  /** The payload as it came, at most `MAX_LETTER_BYTES`. */
  readonly body: string
  /** Null where the payload names none. No row needs to exist: a letter outlives its job. */
  readonly jobId: string | null
  readonly attempt: number | null
  readonly owner: string | null
  readonly code: string
  /** One sentence for an operator. */
  readonly detail: string
  /** The status its job was in; null when it is of no job, or was never told apart. */
  readonly stage: JobStatus | null
  /** Receives as its queue counts them, from 1. */
  readonly receiveCount: number
  /** Set when there is nothing left to decide: it is kept as discarded, for this reason. */
  readonly settled?: string
}

/** A letter without its payload. */
export interface LetterHead extends Omit<NewLetter, 'body' | 'settled'> {
  readonly letterId: string
  /** The first characters of the payload. */
  readonly excerpt: string
  readonly sizeBytes: number
  readonly firstSeenAt: Date
  readonly lastSeenAt: Date
  readonly state: LetterState
  readonly resolvedAt: Date | null
  readonly resolvedBy: string | null
  readonly reason: string | null
  /** The attempt of its job that came of it; null also where the payload was sent again. */
  readonly redrivenAttempt: number | null
}

export interface Letter extends LetterHead {
  readonly body: string
}

/** Each that is given narrows; without any, all letters. */
export interface LetterFilter {
  readonly letterId?: string
  readonly source?: LetterSource
  readonly code?: string
  readonly stage?: JobStatus
  readonly state?: LetterState
  readonly owner?: string
  readonly jobId?: string
  /** Seen at this time or later. */
  readonly since?: Date
}

export const LETTER_GROUPS = ['source', 'code', 'stage'] as const
export type LetterGroupKey = (typeof LETTER_GROUPS)[number]

export interface LetterGroup {
  /** What the letters have in common; null where it was not asked for, or a letter has none. */
  readonly source: LetterSource | null
  readonly code: string | null
  readonly stage: JobStatus | null
  readonly count: number
  readonly oldestAt: Date
  readonly newestAt: Date
}

export interface LetterResolution {
  readonly state: Exclude<LetterState, 'open'>
  readonly by: string
  readonly reason: string | null
  readonly redrivenAttempt: number | null
}

/** Where a list goes on: `createdAt` is when the letter was first seen. */
export type LetterPlace = JobPlace

/** Every method throws `database-unavailable` when the database cannot be reached. */
export interface DeadLetterStore {
  /** Keeps a letter; of one that is kept already only `receiveCount` (by one at least) and `lastSeenAt` are raised. True for a new one. */
  keep(letter: NewLetter): Promise<boolean>
  /** The repeat alone: false when no such letter is kept. */
  raise(letter: Pick<NewLetter, 'source' | 'messageId' | 'receiveCount'>): Promise<boolean>
  find(letterId: string): Promise<Letter | undefined>
  /** Newest first, those after the place. */
  list(filter: LetterFilter, page: { readonly after?: LetterPlace; readonly limit: number }): Promise<LetterHead[]>
  /** Groups of letters that share these keys, largest first; without a key one group, or none when nothing matches. */
  group(filter: LetterFilter, keys: readonly LetterGroupKey[]): Promise<LetterGroup[]>
  /** Resolves an open letter; false when there is no open one of this id. */
  resolve(letterId: string, resolution: LetterResolution): Promise<boolean>
  /** Discards every open letter that the filter matches, in one step, and answers which they were, in any order. */
  discard(
    filter: LetterFilter,
    resolution: { readonly by: string; readonly reason: string },
  ): Promise<Pick<LetterHead, 'letterId' | 'jobId' | 'attempt' | 'stage'>[]>
  /** Deletes letters that were resolved longer ago than this. How many; at most `limit`. */
  prune(rules: { readonly ageS: number; readonly limit: number }): Promise<number>
}
