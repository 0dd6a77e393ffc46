/** What an analyser knows of ffmpeg while it runs: a machine that loses it has an outage, one that never had it none. */
import { AppError } from '../domain/errors.ts'
import { type FfmpegTools, findFfmpeg, limitedCommand } from './ffmpeg-tools.ts'
import { runChild } from './run-child.ts'

export interface FfmpegWatch {
  /** Where it is, or was when it was last there; null where it never was. Finds one that is installed meanwhile. */
  tools(): FfmpegTools | null
  /** Throws `not-ready` while an ffmpeg that was there cannot be started. */
  check(): Promise<void>
}

const START_TIMEOUT_MS = 5000

/** Looks on the `PATH` that there is now, at once. */
export function createFfmpegWatch(path: string = process.env.PATH ?? ''): FfmpegWatch {
  let known: FfmpegTools | null = null
  function tools(): FfmpegTools | null {
    known = findFfmpeg(path) ?? known
    return known
  }
  tools()
  return {
    tools,
    async check() {
      const found = tools()
      if (found === null) return
      await assertStarts(found, 'ffprobe')
      await assertStarts(found, 'ffmpeg')
    },
  }
}

async function assertStarts(tools: FfmpegTools, program: 'ffmpeg' | 'ffprobe'): Promise<void> {
  const command = limitedCommand(tools, program, ['-version'], START_TIMEOUT_MS / 1000)
  const { exitCode, complaints } = await runChild(command, { timeoutMs: START_TIMEOUT_MS, onOutput: () => {} })
  if (exitCode === 0) return
  throw new AppError('not-ready', `${program} cannot be started.`, { cause: complaints.join('\n') })
}
