/** Brings the schema of the database at DATABASE_URL up to date; waits for a database that is still starting. */
import { setTimeout as delay } from 'node:timers/promises'
import { loadConfig } from '../src/config.ts'
import { AppError } from '../src/domain/errors.ts'
import { type Database, openDatabase } from '../src/storage/database.ts'
import { migrateDatabase } from '../src/storage/migrate.ts'

const PATIENCE_MS = 60_000
const RETRY_MS = 500
/** Building an index on a large table takes its time. */
const STATEMENT_TIMEOUT_MS = 30 * 60_000

async function migrate(url: string): Promise<string> {
  const db = openDatabase({ url, poolSize: 2, statementTimeoutMs: STATEMENT_TIMEOUT_MS })
  try {
    const applied = await migrateWhenUp(db, performance.now() + PATIENCE_MS)
    return applied.length === 0 ? 'The schema is up to date' : `Applied ${applied.join(', ')}`
  } finally {
    await db.destroy()
  }
}

async function migrateWhenUp(db: Database, deadlineMs: number): Promise<string[]> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await migrateDatabase(db)
    } catch (error) {
      const passing = error instanceof AppError && error.code === 'database-unavailable'
      if (!passing || performance.now() > deadlineMs) throw error
      if (tries === 1) console.error('Waiting for the database')
      await delay(RETRY_MS)
    }
  }
}

/** One sentence per cause: who reads it wants to know which host refused, not where in the code. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const reason = error.message || ('code' in error ? String(error.code) : error.name)
  return error.cause === undefined ? reason : `${reason}: ${explain(error.cause)}`
}

try {
  const { databaseUrl } = loadConfig(process.env)
  if (databaseUrl === undefined) {
    throw new Error('DATABASE_URL is not set (the embedded database is brought up to date when the system starts)')
  }
  console.log(await migrate(databaseUrl))
} catch (error) {
  console.error(explain(error))
  process.exitCode = 1
}
