import { sql } from 'kysely'
import { createCutoverStore } from '../../src/storage/cutover-store.ts'
import type { Database } from '../../src/storage/database.ts'
import { createDeadLetterStore } from '../../src/storage/dead-letter-store.ts'
import { createRouteComparison } from '../../src/storage/route-comparison.ts'
import type { OpenRouteComparison } from '../contracts/route-comparison-suite.ts'
import { openJobStore } from './storage.ts'

/** The comparison and the stores beside it, on a database of its own. */
export function openRouteComparison(db: Database): Omit<OpenRouteComparison, 'close'> {
  const { store: jobs, age } = openJobStore(db)
  const by = (seconds: number) => sql`make_interval(secs => ${seconds}::double precision)`
  return {
    ...{ jobs, age },
    comparison: createRouteComparison(db),
    cutover: createCutoverStore(db),
    deadLetters: createDeadLetterStore(db),
    ageLetter: async (letterId, seconds) => {
      await sql`update dead_letters set first_seen_at = first_seen_at - ${by(seconds)}
        where letter_id = ${letterId}`.execute(db)
    },
    ageVersion: async (version, seconds) => {
      await sql`update cutover_versions set changed_at = changed_at - ${by(seconds)}
        where version = ${version}`.execute(db)
    },
  }
}
