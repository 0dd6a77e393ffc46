/**
 * One run of a child process, and its exits:
 *
 *   started → output, chunk by chunk, each handled before the next is read → ended
 *
 * - it ends by itself, whatever its exit code           → the answer says how
 * - the handler or the checkpoint throws                → killed, then that error
 * - it does not end in time                             → killed, then `analysis-timeout`
 * - it cannot be started                                → `not-ready`: an outage of this machine, try later
 * - the thread or process that started it is gone       → the kernel kills it (see ffmpeg-tools.ts)
 *
 * Nothing is answered before the child is gone.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { AppError } from '../domain/errors.ts'
import type { ChildCommand } from './ffmpeg-tools.ts'

export interface RunOptions {
  /** The chunk is the handler's own; throws to end the child. */
  readonly onOutput: (chunk: Uint8Array) => void
  /** Called several times a second, output or not; throws to end the child. */
  readonly checkpoint?: () => void
  readonly timeoutMs: number
}

export interface ChildEnd {
  /** Null when a signal ended it. */
  readonly exitCode: number | null
  readonly signal: string | null
  /** What it wrote to stderr, the first lines of it. */
  readonly complaints: readonly string[]
}

const CHECK_INTERVAL_MS = 50
/** What the programs that run before it, and the linker, end with where it is not there or cannot be loaded (POSIX). */
const NOT_STARTED = [126, 127]
const MOST_COMPLAINT_BYTES = 8192
/** Nothing of our own environment, which holds credentials. */
const ENVIRONMENT = { LC_ALL: 'C', AV_LOG_FORCE_NOCOLOR: '1', MALLOC_ARENA_MAX: '1' }

type Child = ChildProcessByStdio<null, Readable, Readable>

export async function runChild({ file, args }: ChildCommand, options: RunOptions): Promise<ChildEnd> {
  const child: Child = spawn(file, args, { cwd: '/', env: ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] })
  const killer = createKiller(child)
  const complaints = collectComplaints(child.stderr)
  const ended = untilEnd(child)
  child.stdout.on('data', (chunk: Uint8Array) => killer.attempt(() => options.onOutput(chunk)))
  const check = setInterval(() => killer.attempt(() => options.checkpoint?.()), CHECK_INTERVAL_MS)
  const timeout = setTimeout(() => {
    killer.attempt(() => {
      throw new AppError('analysis-timeout', 'The recording could not be decoded in the time allowed.')
    })
  }, options.timeoutMs)
  try {
    const { exitCode, signal } = await ended
    killer.throwIfKilled()
    if (exitCode !== null && NOT_STARTED.includes(exitCode)) throw notStarted(complaints().join('\n'))
    return { exitCode, signal, complaints: complaints() }
  } finally {
    clearInterval(check)
    clearTimeout(timeout)
  }
}

/** Keeps the first error, and does nothing more after it. */
function createKiller(child: Child) {
  let killed: { error: unknown } | undefined
  return {
    attempt(step: () => void) {
      if (killed !== undefined) return
      try {
        step()
      } catch (error) {
        killed = { error }
        child.kill('SIGKILL')
      }
    },
    throwIfKilled() {
      if (killed !== undefined) throw killed.error
    },
  }
}

function untilEnd(child: Child): Promise<Pick<ChildEnd, 'exitCode' | 'signal'>> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(notStarted(cause)))
    // After the exit and the end of both outputs.
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal }))
  })
}

function notStarted(cause: unknown): AppError {
  return new AppError('not-ready', 'ffmpeg cannot be started.', { cause })
}

function collectComplaints(stderr: Readable): () => string[] {
  let text = ''
  stderr.setEncoding('utf8')
  stderr.on('data', (chunk: string) => {
    text += chunk.slice(0, MOST_COMPLAINT_BYTES - text.length)
  })
  return () => text.split('\n').filter((line) => line.trim() !== '')
}
