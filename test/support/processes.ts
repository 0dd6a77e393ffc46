import { spawn } from 'node:child_process'
import { after } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** The repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Generous: the embedded database alone takes ten seconds to start on a machine that is busy. */
const DEFAULT_TIMEOUT_MS = 60_000
const POLL_MS = 25
/** Nothing else of the caller's environment reaches a role, so that a developer's settings cannot steer a test. */
const PASSED_ON = ['PATH', 'HOME', 'TMPDIR', 'NODE_EXTRA_CA_CERTS']

export interface TestProcess {
  readonly pid: number
  /** stdout and stderr so far, in the order they came. */
  output(): string
  /** Resolves to the first line, also of the past, that matches; rejects with all output when the process ends before. */
  waitForLine(match: RegExp | ((line: string) => boolean), timeoutMs?: number): Promise<string>
  /** The same for JSON log lines, parsed; other lines are passed over. */
  waitForLog(match: (entry: Record<string, unknown>) => boolean, timeoutMs?: number): Promise<Record<string, unknown>>
  /** Sends a signal and waits for the end. */
  kill(signal?: NodeJS.Signals): Promise<ProcessEnd>
  readonly ended: Promise<ProcessEnd>
}

export interface ProcessEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/**
 * Runs one entry of the repository with this Node as a process of its own: `startProcess(['workers/forward.ts'], env)`.
 * It is killed after the file's tests if it still runs.
 */
export function startProcess(args: readonly string[], env: Readonly<Record<string, string>> = {}): TestProcess {
  const inherited = PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines = collectLines([child.stdout, child.stderr])
  const ended = new Promise<ProcessEnd>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  ended.catch(() => {}).finally(lines.close)
  const kill = (signal: NodeJS.Signals = 'SIGKILL') => {
    child.kill(signal)
    return ended
  }
  after(() => kill())
  const waitFor = <T>(find: (line: string) => T | undefined, what: string, timeoutMs = DEFAULT_TIMEOUT_MS) =>
    lines.waitFor(find, `${args.join(' ')}: ${what}`, timeoutMs)
  return {
    pid: child.pid ?? Number.NaN,
    output: lines.text,
    waitForLine: (match, timeoutMs) =>
      waitFor((line) => (matches(match, line) ? line : undefined), `${match}`, timeoutMs),
    waitForLog: (match, timeoutMs) => waitFor((line) => parseLog(line, match), `a log entry ${match}`, timeoutMs),
    kill,
    ended,
  }
}

/** Resolves when the address answers 200, such as a role's `/readyz`. */
export async function waitForReady(url: string, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<void> {
  const signal = AbortSignal.timeout(timeoutMs)
  for (;;) {
    const answer = await fetch(url, { signal }).catch(() => undefined)
    await answer?.body?.cancel()
    if (answer?.status === 200) return
    if (signal.aborted) throw new Error(`${url} did not answer 200 within ${timeoutMs} ms (last: ${answer?.status})`)
    await delay(POLL_MS)
  }
}

function matches(match: RegExp | ((line: string) => boolean), line: string): boolean {
  return match instanceof RegExp ? match.test(line) : match(line)
}

function parseLog(line: string, match: (entry: Record<string, unknown>) => boolean) {
  if (!line.startsWith('{')) return undefined
  try {
    const entry = JSON.parse(line) as Record<string, unknown>
    return match(entry) ? entry : undefined
  } catch {
    return undefined // a line that only looks like a log entry
  }
}

/** Keeps the lines of several streams and wakes those who wait for one. */
function collectLines(streams: readonly NodeJS.ReadableStream[]) {
  const lines: string[] = []
  const watchers = new Set<() => void>()
  let open = true
  const wake = () => {
    for (const watcher of [...watchers]) watcher()
  }
  for (const stream of streams) {
    let rest = ''
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => {
      const parts = (rest + chunk).split('\n')
      rest = parts.pop() ?? ''
      lines.push(...parts)
      wake()
    })
    stream.on('end', () => rest !== '' && lines.push(rest))
  }
  const text = () => lines.join('\n')
  function waitFor<T>(find: (line: string) => T | undefined, what: string, timeoutMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      let next = 0
      const settle = (done: () => void) => {
        clearTimeout(timer)
        watchers.delete(look)
        done()
      }
      const look = () => {
        for (; next < lines.length; next++) {
          const found = find(lines[next] as string)
          if (found !== undefined) return settle(() => resolve(found))
        }
        if (!open) settle(() => reject(new Error(`${what} did not come before the end. Output:\n${text()}`)))
      }
      const late = () => reject(new Error(`${what} did not come within ${timeoutMs} ms. Output:\n${text()}`))
      const timer = setTimeout(() => settle(late), timeoutMs)
      watchers.add(look)
      look()
    })
  }
  const close = () => {
    open = false
    wake()
  }
  return { text, waitFor, close }
}
