/** The embedded database, from a template that is kept between runs: to make one takes seconds, to copy it none. */
import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { type Database, openDatabase } from '../../src/storage/database.ts'
import { copyTemplate } from '../../src/storage/pglite-template.ts'
import { ROOT } from './processes.ts'
import { openMigrated } from './storage.ts'

/** With the schema in it; closed and removed with the file's tests. */
export async function openEmbedded(): Promise<Database> {
  let db: Database | undefined
  const dataDir = await makeDataDir(() => db?.destroy())
  db = openDatabase({ dataDir })
  return db
}

/** Its folder, with the schema in it, removed with the file's tests, once `close` is done. */
export async function makeDataDir(close: () => unknown = () => {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tonewire-test-'))
  after(async () => {
    await close()
    await rm(folder, { recursive: true, force: true })
  })
  const dataDir = join(folder, 'postgres')
  await copyTemplate(dataDir, makeMigrated, migratedTemplates())
  return dataDir
}

async function makeMigrated(dataDir: string): Promise<{ close(): Promise<void> }> {
  const db = await openMigrated({ dataDir })
  return { close: () => db.destroy() }
}

/** Where migrated databases are kept between tests: made anew whenever a migration changes. */
function migratedTemplates(): string {
  const migrations = globSync('src/storage/migrations/*.ts', { cwd: ROOT }).sort()
  const hash = createHash('sha256')
  for (const file of migrations) hash.update(file).update(readFileSync(join(ROOT, file)))
  return join(ROOT, 'node_modules/.cache/tonewire-tests', hash.digest('hex').slice(0, 16))
}
