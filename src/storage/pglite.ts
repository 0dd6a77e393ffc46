/**
 * PostgreSQL inside this process (PGlite), for trying Tonewire and for tests. PGlite settles queries through
 * microtasks only: under continuous work timers and sockets would never run. So every query runs in a turn of its own,
 * and the next starts only after the event loop has gone round.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { PGlite, PGliteTransaction } from 'kysely'
import { toDatabaseError } from './database-errors.ts'
import { copyTemplate } from './pglite-template.ts'

/**
 * Opens a database with its files in `dataDir`, or in memory without one. Nobody else may have the folder open:
 * PGlite itself does not notice, and acknowledged rows get lost.
 */
export async function openPGlite(dataDir: string | undefined): Promise<PGlite> {
  // Loaded only here: it takes seconds and hundreds of MB, which no process with a real PostgreSQL shall pay.
  const { PGlite } = await import('@electric-sql/pglite')
  if (dataDir === undefined) return yieldingPGlite((await PGlite.create({})) as PGlite)
  await copyTemplate(dataDir, (folder) => PGlite.create({ dataDir: folder }))
  return yieldingPGlite((await PGlite.create({ dataDir })) as PGlite)
}

/**
 * The same database, its queries one at a time with a turn of the event loop after each. A transaction takes one turn
 * of the queue as a whole, and inside it only its own `tx` may be used: a query on the database itself would wait for
 * the transaction that waits for it.
 */
export function yieldingPGlite(pglite: PGlite): PGlite {
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work)
    last = result.then(yieldTurn, yieldTurn)
    return result.catch(rethrow)
  }
  return {
    get closed() {
      return pglite.closed
    },
    get ready() {
      return pglite.ready
    },
    waitReady: pglite.waitReady,
    close: () => inTurn(() => pglite.close()),
    query: (query, params, options) => inTurn(() => pglite.query(query, params, options)),
    transaction: (callback) => inTurn(() => pglite.transaction((tx) => callback(yieldingTransaction(tx)))),
  }
}

function yieldingTransaction(tx: PGliteTransaction): PGliteTransaction {
  return {
    rollback: () => tx.rollback(),
    query: async (query, params, options) => {
      try {
        return await tx.query(query, params, options)
      } catch (error) {
        return rethrow(error)
      } finally {
        await yieldTurn()
      }
    },
  }
}

const yieldTurn = () => nextTurn()

function rethrow(error: unknown): never {
  throw toDatabaseError(error)
}
