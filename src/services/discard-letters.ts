/** What an operator gives up: letters are kept as discarded, with the reason, and their jobs are left as they are. */
import type { LetterFilter } from '../ports/dead-letters.ts'
import type { Ports } from '../ports.ts'

export interface DiscardOrder {
  /** Of open letters. */
  readonly filter: Omit<LetterFilter, 'state'>
  /** Who asks. */
  readonly by: string
  readonly reason: string
}

/** A part of what a timeline keeps in memory, so that a mass discard drops no note, its own or another's. */
const NOTES_AT_ONCE = 1000

/** How many letters were discarded; a repeat finds none. Throws `database-unavailable`. */
export async function discardLetters(
  { deadLetters, timeline }: Pick<Ports, 'deadLetters' | 'timeline'>,
  { filter, by, reason }: DiscardOrder,
): Promise<number> {
  const letters = await deadLetters.discard(filter, { by, reason })
  for (const [index, { letterId, jobId, attempt, stage }] of letters.entries()) {
    if (index > 0 && index % NOTES_AT_ONCE === 0) await timeline.flush()
    // A job that was never touched may be another's: its name is only what a payload says.
    if (jobId === null || attempt === null || stage === null) continue
    timeline.note({ jobId, attempt, hop: 'dead-letter', outcome: 'discarded', messageId: letterId })
  }
  return letters.length
}
