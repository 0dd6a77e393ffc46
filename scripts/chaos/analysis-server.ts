/**
 * The analysis server of the direct route, a process of its own. It holds its orders in memory, so the drill never kills
 * it: what it held would be lost, and its jobs end as failed, which is what the queue is there for.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { endWithParent } from '../../src/embedded/end-with-parent.ts'
import { createExitBook } from './exits.ts'

export interface DirectServer {
  /** What is wrong with its ends since this was last asked: those that no stop of ours was, or that went wrong. */
  takeFaults(): Promise<string[]>
  /** Takes nothing more, answers what it holds, and ends. */
  stop(): Promise<void>
  /** Resolves when it takes orders. */
  start(): Promise<void>
  close(): Promise<void>
}

const ENTRY = fileURLToPath(new URL('../../workers/analysis-server.ts', import.meta.url))
const POLL_MS = 50
const READY_MS = 2000

/** Not started yet. @param url where it listens, on this machine */
export function createDirectServer(url: URL, env: Readonly<Record<string, string>>): DirectServer {
  let child: ChildProcess | undefined
  const exits = createExitBook()
  let isStopping = false
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    isStopping = true
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }
  return {
    async start() {
      const { PATH = '', HOME = '' } = process.env
      const started = spawn(process.execPath, [ENTRY], {
        env: { PATH, HOME, ...env, HOST: url.hostname, PORT: url.port },
        detached: true,
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      child = started
      isStopping = false
      const release = endWithParent(started.pid as number)
      started.once('exit', (code, signal) => {
        release()
        // What it said went to the terminal.
        const doom = { toBeKilled: false, stopped: isStopping }
        exits.note('analysis-server', doom, { code, signal }, Promise.resolve(''))
      })
      while (!(await isReady(url))) {
        if (started.exitCode !== null || started.signalCode !== null) throw new Error('the analysis server ended')
        await delay(POLL_MS)
      }
    },
    stop: () => end('SIGTERM'),
    takeFaults: exits.takeFaults,
    close: () => end('SIGKILL'),
  }
}

async function isReady(url: URL): Promise<boolean> {
  return fetch(new URL('/readyz', url), { signal: AbortSignal.timeout(READY_MS) }).then(
    ({ ok }) => ok,
    () => false,
  )
}
