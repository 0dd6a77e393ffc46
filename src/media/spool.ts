/**
 * Private files for recordings while they are analysed. Every file goes with its lease; what a killed process left
 * behind goes when the next one starts a spool in the same folder.
 */
import { createWriteStream } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

export interface SpooledFile extends AsyncDisposable {
  readonly path: string
}

export interface Spool {
  /** Writes the stream to a file of its own; on failure nothing is left, and the stream's own error is thrown. */
  write(name: string, content: Readable, signal: AbortSignal): Promise<SpooledFile>
  /** Removes the folder with all that is in it. */
  close(): Promise<void>
}

const PREFIX = 'tonewire-analysis-'

/** The folder is made on first use, below `parent` (default: the system's folder for temporary files). */
export function createSpool(parent: string = tmpdir()): Spool {
  let folder: Promise<string> | undefined
  let written = 0
  async function open(): Promise<string> {
    await removeOrphans(parent)
    // mkdtemp makes it accessible to this user only.
    return mkdtemp(join(parent, `${PREFIX}${process.pid}-`))
  }
  return {
    async write(name, content, signal) {
      folder ??= open()
      const path = join(await folder, `${++written}-${name.replaceAll(/[^A-Za-z0-9-]/g, '_')}`)
      try {
        await pipeline(content, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal })
      } catch (error) {
        await rm(path, { force: true })
        throw error
      }
      return { path, [Symbol.asyncDispose]: () => rm(path, { force: true }) }
    },
    async close() {
      if (folder !== undefined) await rm(await folder, { recursive: true, force: true })
      folder = undefined
    },
  }
}

async function removeOrphans(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = name.startsWith(PREFIX) ? Number.parseInt(name.slice(PREFIX.length), 10) : Number.NaN
    if (Number.isInteger(pid) && !isAlive(pid)) await rm(join(parent, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
