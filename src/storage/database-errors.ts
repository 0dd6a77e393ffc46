/** Tells an outage of the database from a mistake of ours: only the former is `database-unavailable`. */
import { AppError } from '../domain/errors.ts'

/**
 * SQLSTATE classes and codes that pass by themselves (PostgreSQL manual, appendix A): connection, resources, operator
 * intervention and system errors; serialization, dead-lock and lock or statement timeouts; a primary that has become
 * a replica; a session ended for idling.
 */
const PASSING_SQLSTATE = /^(08...|53...|57P0.|58...|40001|40P01|55P03|57014|25006|25P03)$/

const SYSTEM_ERROR = /^(E[A-Z_]{3,}|ERR_SOCKET_CLOSED)$/

/** What pg, pg-pool and PGlite throw without a code. */
const OUTAGE_MESSAGE =
  /^(timeout exceeded when trying to connect|timeout expired|Connection terminated|Query read timeout|Cannot use a pool after calling end|Client has encountered a connection error|Client was closed|PGlite is closed|PGlite instance is already closed)/

/** What the triggers of `0006-retention.ts` raise. */
export const OWNER_DELETED_SQLSTATE = 'TW001'

/** The error of a query or a connection as its caller shall see it. */
export function toDatabaseError(error: unknown): unknown {
  if ((error as { code?: unknown } | undefined)?.code === OWNER_DELETED_SQLSTATE) {
    return new AppError('owner-deleted', 'The data of this owner is being deleted', { cause: error })
  }
  if (!isOutage(error)) return error
  return new AppError('database-unavailable', 'The database cannot be reached', { cause: error })
}

function isOutage(error: unknown): boolean {
  if (error instanceof AppError || !(error instanceof Error)) return false
  const { code } = error as { code?: unknown }
  if (typeof code === 'string' && (PASSING_SQLSTATE.test(code) || SYSTEM_ERROR.test(code))) return true
  if (error instanceof AggregateError) return error.errors.some(isOutage)
  return OUTAGE_MESSAGE.test(error.message)
}
