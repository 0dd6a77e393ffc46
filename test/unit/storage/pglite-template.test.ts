import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { copyTemplate } from '../../../src/storage/pglite-template.ts'

const folder = mkdtempSync(join(tmpdir(), 'tonewire-test-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** Makes what stands for a database: the file by which one is known, and one more. */
function createMaker() {
  let made = 0
  const make = async (dataDir: string) => {
    made += 1
    writeFileSync(join(dataDir, 'PG_VERSION'), '18')
    writeFileSync(join(dataDir, 'rows'), `made ${made}`)
    return { close: async () => {} }
  }
  return { make, count: () => made }
}

test('only the first database is made, the others are its copies', async () => {
  const cache = join(folder, 'cache')
  const { make, count } = createMaker()
  for (const name of ['a', 'b', 'c']) await copyTemplate(join(folder, name), make, cache)
  assert.equal(count(), 1)
  assert.equal(readFileSync(join(folder, 'c', 'rows'), 'utf8'), 'made 1')
})

test('several that start at once each get a whole database, and nothing half-made is left', async () => {
  const cache = join(folder, 'cache-of-many')
  const { make } = createMaker()
  const places = ['k', 'l', 'm', 'n'].map((name) => join(folder, 'many', name))
  await Promise.all(places.map((place) => copyTemplate(place, make, cache)))
  for (const place of places) assert.deepEqual(readdirSync(place).sort(), ['PG_VERSION', 'rows'])
  assert.equal(readdirSync(cache).length, 1)
  assert.equal(readdirSync(join(folder, 'many')).length, 4)
})

test('a folder that has a database is left as it is', async () => {
  const dataDir = join(folder, 'kept')
  mkdirSync(dataDir)
  writeFileSync(join(dataDir, 'PG_VERSION'), '18')
  writeFileSync(join(dataDir, 'rows'), 'mine')
  await copyTemplate(dataDir, createMaker().make, join(folder, 'cache'))
  assert.equal(readFileSync(join(dataDir, 'rows'), 'utf8'), 'mine')
})

test('where the cache cannot be written nothing is done, so that the database is made in place', async () => {
  writeFileSync(join(folder, 'a-file'), '')
  const { make, count } = createMaker()
  await copyTemplate(join(folder, 'plain'), make, join(folder, 'a-file', 'cache'))
  assert.equal(count(), 0)
  assert.ok(!existsSync(join(folder, 'plain')))
})
