/**
 * A bounded pool of connections to PostgreSQL, as Kysely's dialect takes one. Statements with parameters are prepared
 * once per connection under a name of their own, because planning costs more than running them; behind PgBouncer in
 * transaction mode that needs PgBouncer 1.21 or later.
 */
import type { PostgresPool, PostgresPoolClient } from 'kysely'
import type { PoolClient } from 'pg'
import { AppError } from '../domain/errors.ts'
import type { Log } from '../ports.ts'
import { toDatabaseError } from './database-errors.ts'
import { createLetGoPool } from './let-go-pool.ts'

export interface PostgresOptions {
  /** `postgres://user:password@host:port/name`. */
  readonly url: string
  /** Most connections held at once (10). */
  readonly poolSize?: number
  /** Longest time to get a connection, waiting for a free one included (5 s). */
  readonly connectTimeoutMs?: number
  /** Longest time a statement may run (30 s). */
  readonly statementTimeoutMs?: number
  /** Once it aborts, what hangs is waited for no longer: see let-go-pool.ts. */
  readonly release?: AbortSignal
  readonly log?: Pick<Log, 'warn'>
}

/** SQL texts are fixed in number; this bounds what a mistake could make a server remember per connection. */
const MAX_PREPARED = 200

export function createPostgresPool(options: PostgresOptions): PostgresPool {
  const { statementTimeoutMs = 30_000 } = options
  const config = {
    connectionString: options.url,
    max: options.poolSize ?? 10,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    statement_timeout: statementTimeoutMs,
    // For a server that has vanished: the statement timeout is the server's, this one is ours.
    query_timeout: statementTimeoutMs + 5_000,
    idle_in_transaction_session_timeout: statementTimeoutMs,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    application_name: 'tonewire',
  }
  const { pool, connect, end } = createLetGoPool(config, options.release)
  // Without listeners, a connection cut while idle or between the statements of a transaction would end the process.
  pool.on('error', () => {})
  pool.on('connect', (client) => {
    client.on('error', () => {})
    client.once('error', (error) => options.log?.warn({ err: error }, 'database connection lost'))
  })
  const nameOf = createNames()
  return {
    options: pool.options,
    end,
    connect: () => connect().then((client) => wrapClient(client, nameOf), rethrow),
  }
}

/**
 * One loan of a connection. After an outage it is not lent again: the server has said goodbye but the socket may not
 * have closed yet, or the answer that nobody waits for any more may still come.
 */
function wrapClient(client: PoolClient, nameOf: (sql: string) => string | undefined): PostgresPoolClient {
  let spoiled = false
  const query = async (text: string, values: unknown[]) => {
    try {
      return await client.query({ text, values, name: values.length === 0 ? undefined : nameOf(text) })
    } catch (error) {
      const failure = toDatabaseError(error)
      spoiled ||= failure instanceof AppError
      throw failure
    }
  }
  return {
    query: query as unknown as PostgresPoolClient['query'],
    release: (destroy) => client.release(destroy || spoiled),
  }
}

function createNames(): (sql: string) => string | undefined {
  const names = new Map<string, string>()
  return (sql) => {
    if (!names.has(sql) && names.size < MAX_PREPARED) names.set(sql, `tonewire_${names.size + 1}`)
    return names.get(sql)
  }
}

function rethrow(error: unknown): never {
  throw toDatabaseError(error)
}
