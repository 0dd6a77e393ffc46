import { randomUUID } from 'node:crypto'
import { after } from 'node:test'
import pg from 'pg'

/** The throw-away cluster that scripts/test.ts starts; its user may create databases. */
const clusterUrl = process.env.TEST_DATABASE_URL

/** For a test's `skip` option: false, or why there is no PostgreSQL. */
export const skipWithoutPostgres: string | false =
  clusterUrl === undefined && 'no PostgreSQL on this machine (TEST_DATABASE_URL is not set; npm test sets it)'

export interface TestDatabase {
  readonly url: string
  /** Removes the database, ending its connections; done after the file's tests in any case. */
  drop(): Promise<void>
}

/** Makes an empty database for this test file alone. To be called only when `skipWithoutPostgres` is false. */
export async function createTestDatabase(): Promise<TestDatabase> {
  if (clusterUrl === undefined) throw new Error(`Cannot make a database: ${skipWithoutPostgres}`)
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await runOnCluster(clusterUrl, `create database ${name}`)
  const url = new URL(clusterUrl)
  url.pathname = `/${name}`
  const drop = () => runOnCluster(clusterUrl, `drop database if exists ${name} with (force)`)
  after(drop)
  return { url: url.href, drop }
}

async function runOnCluster(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
