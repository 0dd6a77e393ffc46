/** This machine: ffmpeg with its decoders, and room on the disks that are written to. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { promisify } from 'node:util'
import { neededDecoders } from '../../src/media/ffmpeg-arguments.ts'
import { findFfmpeg } from '../../src/media/ffmpeg-tools.ts'
import { checkSpool } from '../../src/media/spool.ts'
import { freeBytesOf, LEAST_FREE_BYTES as LEAST_FOR_DATA_BYTES } from '../../src/storage/disk-room.ts'
import { ANSWER_TIMEOUT_MS, type Check, type Finding, fault, info, ok, warning } from './check.ts'

const run = promisify(execFile)
const INSTALL = 'install ffmpeg (with ffprobe) where recordings are analysed, '

export function checkFfmpeg(path: string): Check {
  return {
    name: 'ffmpeg',
    async run(signal) {
      const tools = findFfmpeg(path)
      if (tools === undefined) return [fault('ffmpeg or ffprobe is not on PATH: only WAV is analysed', INSTALL)]
      const options = { timeout: ANSWER_TIMEOUT_MS, signal, env: {} }
      const [{ stdout: version }, { stdout: list }] = await Promise.all([
        run(tools.ffmpeg, ['-version'], options),
        run(tools.ffmpeg, ['-hide_banner', '-decoders'], options),
      ])
      const known = new Set(list.split('\n').map((line) => line.trim().split(/\s+/)[1]))
      // Where several can decode a coding, one of them is enough.
      const missing = neededDecoders().filter((names) => !names.split(',').some((name) => known.has(name)))
      const [name = ''] = version.split(' Copyright')
      if (missing.length > 0)
        return [warning(`${name} cannot decode ${missing.join('; ')}`, 'install a complete ffmpeg')]
      return [ok(`${name}, with every decoder that is needed`), describeGuards(tools)]
    },
    mendOf: () => INSTALL,
  }
}

function describeGuards({ prlimit, setpriv }: NonNullable<ReturnType<typeof findFfmpeg>>): Finding {
  if (prlimit !== undefined && setpriv !== undefined) return ok('its children are held within the limits of the kernel')
  return info('prlimit or setpriv is missing: ffmpeg is bounded by its own options alone')
}

export interface DiskRules {
  readonly dataDir: string
  /** Folder of temporary files, where recordings lie while they are analysed. */
  readonly tmpDir: string
  /** Below this a folder counts as nearly full. */
  readonly leastFreeBytes?: number
  /** Free bytes of a folder's disk. Default: what the machine says. */
  readonly freeBytes?: (folder: string) => Promise<number>
}

const LEAST_FREE_BYTES = 1024 ** 3

export function checkDisks(rules: DiskRules): Check {
  const { dataDir, tmpDir } = rules
  return {
    name: 'disk',
    async run() {
      const found = [await checkRoom('the folder of temporary files', tmpDir, rules)]
      try {
        await checkSpool(tmpDir)
      } catch (error) {
        const { detail = String(error) } = error as { detail?: string }
        found.push(
          fault(`recordings cannot be analysed here: ${detail}`, `free some space in ${tmpDir}, or set TMPDIR`),
        )
      }
      // Of the embedded stores alone; a role for production has none.
      if (existsSync(dataDir)) found.push(await checkRoom('DATA_DIR', dataDir, rules, LEAST_FOR_DATA_BYTES))
      return found
    },
    mendOf: () => 'mend DATA_DIR and TMPDIR',
  }
}

/** Below `neededBytes` nothing works there. */
async function checkRoom(name: string, folder: string, rules: DiskRules, neededBytes = 0): Promise<Finding> {
  const { leastFreeBytes = LEAST_FREE_BYTES, freeBytes = freeBytesOf } = rules
  const free = await freeBytes(existsSync(folder) ? folder : dirname(resolve(folder)))
  const seen = `${name} (${folder}) has ${(free / 1024 ** 3).toFixed(1)} GiB free`
  if (free < neededBytes)
    return fault(`${seen}: the embedded database takes nothing`, `free at least ${neededBytes / 1024 ** 2} MiB there`)
  return free < leastFreeBytes ? warning(seen, 'free some space') : ok(seen)
}
