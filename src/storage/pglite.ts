/**
 * PostgreSQL inside this process (PGlite), for trying Tonewire and for tests. PGlite settles queries through
 * microtasks only: under continuous work timers and sockets would never run. So every query runs in a turn of its own,
 * and the next starts only after the event loop has gone round.
 */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { PGlite, PGliteTransaction } from 'kysely'
import { toDatabaseError } from './database-errors.ts'
import { createRoomCheck, freeBytesOf } from './disk-room.ts'
import { copyTemplate } from './pglite-template.ts'

/**
 * Opens a database with its files in `dataDir`, or in memory without one. Nobody else may have the folder open:
 * PGlite itself does not notice, and acknowledged rows get lost. Throws `database-unavailable` while its disk is full, as
 * every query then does.
 */
export async function openPGlite(dataDir: string | undefined): Promise<PGlite> {
  // Loaded only here: it takes seconds and hundreds of MB, which no process with a real PostgreSQL shall pay.
  const { PGlite } = await import('@electric-sql/pglite')
  if (dataDir === undefined) return yieldingPGlite((await PGlite.create({})) as PGlite)
  await mkdir(dirname(dataDir), { recursive: true })
  const checkRoom = createRoomCheck(() => freeBytesOf(dirname(dataDir)))
  await checkRoom()
  await copyTemplate(dataDir, (folder) => PGlite.create({ dataDir: folder }))
  return yieldingPGlite((await PGlite.create({ dataDir })) as PGlite, checkRoom)
}

/**
 * The same database, its queries one at a time with a turn of the event loop after each. A transaction takes one turn
 * of the queue as a whole, and inside it only its own `tx` may be used: a query on the database itself would wait for
 * the transaction that waits for it. `mayWork` is asked before each statement, and throws what that then throws.
 */
export function yieldingPGlite(pglite: PGlite, mayWork: () => Promise<void> = async () => {}): PGlite {
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
    query: (query, params, options) =>
      inTurn(async () => {
        await mayWork()
        return pglite.query(query, params, options)
      }),
    // Kysely bears no transaction that does not begin: its statements are refused instead.
    transaction: (callback) => inTurn(() => pglite.transaction((tx) => callback(yieldingTransaction(tx, mayWork)))),
  }
}

function yieldingTransaction(tx: PGliteTransaction, mayWork: () => Promise<void>): PGliteTransaction {
  return {
    rollback: () => tx.rollback(),
    query: async (query, params, options) => {
      try {
        await mayWork()
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
