/** PostgreSQL: reachable, recent enough, with our schema, our time and room for our connections. */
import pg from 'pg'
import { MIGRATION_NAMES } from '../../src/storage/migrate.ts'
import { ANSWER_TIMEOUT_MS, type Check, type Finding, fault, ok, warning } from './check.ts'

export interface PostgresTarget {
  readonly url: string
  /** Connections that one process may hold. */
  readonly poolSize: number
}

const OLDEST_VERSION = 150_000
/** Presigned URLs and signatures bear minutes; what is shown to people should be right to the second or so. */
const CLOCK_TOLERANCE_S = 5

export function checkPostgres({ url, poolSize }: PostgresTarget): Check {
  return {
    name: 'postgresql',
    async run() {
      const client = new pg.Client({
        connectionString: url,
        connectionTimeoutMillis: ANSWER_TIMEOUT_MS,
        query_timeout: ANSWER_TIMEOUT_MS,
      })
      client.on('error', () => {}) // the query under way fails with it
      await client.connect()
      try {
        return [
          await checkVersion(client),
          await checkClock(client),
          ...(await checkSchema(client)),
          await checkConnections(client, poolSize),
        ]
      } finally {
        await client.end()
      }
    },
    mendOf: (error) => MENDS[(error as { code?: string }).code ?? ''] ?? UNREACHABLE,
  }
}

const UNREACHABLE = 'start PostgreSQL, or mend host and port in DATABASE_URL; a firewall may stand between'
const WRONG_LOGIN = 'mend user and password in DATABASE_URL (pg_hba.conf says who may log in how)'
const MENDS: Readonly<Record<string, string>> = {
  '28P01': WRONG_LOGIN,
  '28000': WRONG_LOGIN,
  '3D000': 'create the database, or mend its name in DATABASE_URL',
  '53300': 'raise max_connections, or lower DATABASE_POOL or the number of processes',
  '57P03': 'PostgreSQL is starting: wait',
}

async function checkVersion(client: pg.Client): Promise<Finding> {
  const row = await first(
    client,
    `select current_setting('server_version_num')::int as n, current_setting('server_version') as text`,
  )
  if (Number(row.n) < OLDEST_VERSION) return fault(`version ${row.text}`, 'upgrade to PostgreSQL 15 or later')
  return ok(`version ${row.text}`)
}

async function checkClock(client: pg.Client): Promise<Finding> {
  const askedAt = Date.now()
  const { at } = await first(client, 'select extract(epoch from clock_timestamp())::float8 as at')
  const middle = (askedAt + Date.now()) / 2000
  const offS = Number(at) - middle
  const seen = `its clock is ${Math.abs(offS).toFixed(1)} s ${offS < 0 ? 'behind' : 'ahead of'} this machine's`
  return Math.abs(offS) <= CLOCK_TOLERANCE_S ? ok(seen) : warning(seen, 'run NTP on both machines')
}

async function checkSchema(client: pg.Client): Promise<Finding[]> {
  const { there } = await first(client, `select to_regclass('kysely_migration') is not null as there`)
  const { rows } = there ? await client.query('select name from kysely_migration order by name') : { rows: [] }
  const applied = new Set(rows.map(({ name }) => String(name)))
  const missing = MIGRATION_NAMES.filter((name) => !applied.has(name))
  const unknown = [...applied].filter((name) => !MIGRATION_NAMES.includes(name))
  const found: Finding[] = []
  if (missing.length > 0) found.push(fault(`the schema lacks ${missing.join(', ')}`, 'npm run migrate'))
  if (unknown.length > 0) {
    const mend = 'this release is older than the schema: run the newer one here too'
    found.push(fault(`the schema has unknown migrations: ${unknown.join(', ')}`, mend))
  }
  return found.length > 0 ? found : [ok(`the schema is at ${MIGRATION_NAMES.at(-1)}`)]
}

async function checkConnections(client: pg.Client, poolSize: number): Promise<Finding> {
  const row = await first(
    client,
    `select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as most,
      (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as used`,
  )
  const [most, used] = [Number(row.most), Number(row.used)]
  const seen = `${used} of ${most} connections are used; each process of ours may take ${poolSize}, and three to compare the routes`
  const mend = 'raise max_connections, or lower DATABASE_POOL or the number of processes'
  if (poolSize > most) return fault(seen, mend)
  return most - used < poolSize ? warning(seen, mend) : ok(seen)
}

async function first(client: pg.Client, sql: string): Promise<Record<string, unknown>> {
  const { rows } = await client.query(sql)
  return rows[0] ?? {}
}
