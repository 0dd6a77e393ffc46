/**
 * Private files for recordings while they are analysed. Every file goes with its lease; what a killed process left
 * behind goes when the next one starts a spool in the same folder.
 */
import { createWriteStream } from 'node:fs'
import { mkdtemp, readdir, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AppError } from '../domain/errors.ts'

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
/** Less than this is as good as full: a recording would break off half-way. */
export const LEAST_FREE_BYTES = 16 * 1024 ** 2

/** The folder is made on first use, below `parent` (default: the system's folder for temporary files). */
export function createSpool(parent: string = tmpdir()): Spool {
  let folder: Promise<string> | undefined
  let written = 0
  async function open(): Promise<string> {
    await removeOrphans(parent)
    // mkdtemp makes it accessible to this user only.
    return mkdtemp(join(parent, `${PREFIX}${process.pid}-`))
  }
  /** What did not work, on a full disk say, is tried again with the next file. */
  function openOnce(): Promise<string> {
    if (folder !== undefined) return folder
    const opening = open()
    folder = opening
    opening.catch(() => {
      if (folder === opening) folder = undefined
    })
    return opening
  }
  return {
    async write(name, content, signal) {
      const path = join(await openOnce(), `${++written}-${name.replaceAll(/[^A-Za-z0-9-]/g, '_')}`)
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

/** Throws `storage-unavailable` while files cannot be written below this folder, or hardly. */
export async function checkSpool(parent: string = tmpdir(), leastFreeBytes = LEAST_FREE_BYTES): Promise<void> {
  try {
    const { bavail, bsize } = await statfs(parent)
    if (bavail * bsize < leastFreeBytes) throw new Error(`${bavail * bsize} bytes are free in ${parent}`)
    // Room alone does not tell: it may be read-only, or out of names.
    await rm(await mkdtemp(join(parent, `${PREFIX}${process.pid}-check-`)), { recursive: true, force: true })
  } catch (error) {
    const detail = 'The folder of temporary files is full, or cannot be written.'
    throw new AppError('storage-unavailable', detail, { cause: error })
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
