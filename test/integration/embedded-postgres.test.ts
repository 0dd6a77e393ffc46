import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'

test('each test file has an empty database of its own', { skip: skipWithoutPostgres }, async () => {
  const [one, other] = [await createTestDatabase(), await createTestDatabase()]
  assert.notEqual(one.url, other.url)
  const client = new pg.Client(one.url)
  await client.connect()
  try {
    const { rows } = await client.query(
      `select count(*)::int as tables from information_schema.tables where table_schema = 'public'`,
    )
    assert.deepEqual(rows, [{ tables: 0 }])
  } finally {
    await client.end()
  }
  await one.drop()
  await assert.rejects(new pg.Client(one.url).connect(), /does not exist/)
})
