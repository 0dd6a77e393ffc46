import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { endWithParent } from '../../src/embedded/end-with-parent.ts'

export interface BenchProcess {
  readonly pid: number
  /** Where it listens. */
  readonly url: string
  /** False once it has ended, in whatever way. */
  isAlive(): boolean
  /** The end of what it wrote. */
  output(): string
  /** Ends it in order, and resolves when it has ended; a repeat is harmless. */
  stop(): Promise<void>
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const KEPT_CHARACTERS = 20_000
const START_MS = 30_000

/**
 * Runs an entry of the repository as a process of its own, which tells where it listens by a JSON line with a `url`.
 * Of this process's environment it gets the path alone. It ends with this process.
 */
export async function startBenchProcess(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<BenchProcess> {
  const { PATH = '', HOME = '' } = process.env
  const options = { cwd: ROOT, env: { PATH, HOME, ...env }, detached: true } as const
  const child = spawn(process.execPath, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const release = child.pid === undefined ? () => {} : endWithParent(child.pid)
  let alive = true
  let text = ''
  const { promise: listening, resolve, reject } = Promise.withResolvers<string>()
  const collect = (chunk: Buffer): void => {
    text = (text + chunk).slice(-KEPT_CHARACTERS)
    const url = /"url":"(http:[^"]+)"/.exec(text)?.[1]
    if (url !== undefined) resolve(url)
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const late = setTimeout(() => reject(new Error(`${args.join(' ')} does not listen\n${text}`)), START_MS)
  const ended = new Promise<void>((done) => {
    const onEnd = (): void => {
      alive = false
      release()
      reject(new Error(`${args.join(' ')} ended\n${text}`))
      done()
    }
    child.once('error', onEnd).once('close', onEnd)
  })
  const stop = async (): Promise<void> => {
    if (alive) child.kill('SIGTERM')
    await ended
  }
  const url = await listening.catch(async (error) => {
    await stop()
    throw error
  })
  clearTimeout(late)
  return { pid: child.pid ?? 0, url, isAlive: () => alive, output: () => text, stop }
}
