/**
 * Making an embedded database from nothing takes seconds, copying one that was just made a fraction of one. So the
 * first is kept as it came, beside the packages, and every later one starts as its copy.
 */
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Makes a database in an empty folder. */
type Make = (dataDir: string) => Promise<{ close(): Promise<void> }>

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/tonewire', import.meta.url))

/**
 * Fills a folder that holds no database yet with a fresh one, all of it or nothing. Where there is no place for the
 * copy to be kept it does nothing: then the database is made in the folder itself.
 */
export async function copyTemplate(dataDir: string, make: Make, cache = CACHE): Promise<void> {
  if (isDatabase(dataDir)) return
  const template = join(cache, `pglite-${packageVersion()}`)
  if (!isDatabase(template) && !(await makeTemplate(template, make))) return
  await mkdir(dirname(dataDir), { recursive: true })
  const copy = await mkdtemp(`${dataDir}.new-`)
  // A thousand small files: one call after the other takes a fraction of what as many promises do.
  cpSync(template, copy, { recursive: true })
  try {
    await rename(copy, dataDir)
  } catch (error) {
    await rm(copy, { recursive: true, force: true })
    throw error
  }
}

/** False where the cache cannot be written. Of several that make it at once, the first to be done counts. */
async function makeTemplate(template: string, make: Make): Promise<boolean> {
  const fresh = await mkdir(dirname(template), { recursive: true }).then(
    () => mkdtemp(`${template}.new-`),
    () => undefined,
  )
  if (fresh === undefined) return false
  await (await make(fresh)).close()
  await rename(fresh, template).catch(() => rm(fresh, { recursive: true, force: true }))
  return isDatabase(template)
}

function isDatabase(folder: string): boolean {
  return existsSync(join(folder, 'PG_VERSION'))
}

function packageVersion(): string {
  const manifest = new URL('../package.json', import.meta.resolve('@electric-sql/pglite'))
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}
