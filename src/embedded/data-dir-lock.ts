import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export interface DataDirLock {
  /** Lets the folder go; a repeat is harmless. */
  release(): void
  [Symbol.dispose](): void
}

/**
 * Holds a data folder for this process alone: two PGlite on one folder lose acknowledged rows without an error.
 *
 * `process.lock` is held by the kernel, through SQLite's file locks, so that it is gone the moment its process ends,
 * SIGKILL and power cuts included, is taken by exactly one of many at once, and holds between containers, where pids
 * mean nothing. `process.pid` says whose it is, for people; nothing is decided by it.
 *
 * @throws when another process, or this one already, holds the folder; the sentence names the pid
 */
export function lockDataDir(dataDir: string): DataDirLock {
  mkdirSync(dataDir, { recursive: true })
  const pidFile = join(dataDir, 'process.pid')
  const lock = new DatabaseSync(join(dataDir, 'process.lock'))
  try {
    // Without a journal there is nothing to recover, and a killed holder leaves nothing behind.
    lock.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    throw new Error(
      `The data folder ${dataDir} is in use by process ${readPid(pidFile)}. Stop that one, or set DATA_DIR to another folder.`,
      { cause: error },
    )
  }
  writeFileSync(pidFile, `${process.pid}\n`)
  const release = () => {
    if (!lock.isOpen) return
    rmSync(pidFile, { force: true })
    lock.close()
  }
  return { release, [Symbol.dispose]: release }
}

function readPid(pidFile: string): string {
  try {
    return readFileSync(pidFile, 'utf8').trim()
  } catch {
    return '(unknown)' // taken this very moment, or let go since
  }
}
