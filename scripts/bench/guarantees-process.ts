import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { endWithParent } from '../../src/embedded/end-with-parent.ts'
import type { WorkerRole } from '../../src/roles.ts'
import type { Counts } from './guarantees-counters.ts'
import type { Order } from './guarantees-role.ts'

export interface RoleProcess {
  readonly role: WorkerRole
  /** Begins to consume. */
  go(): Promise<Counts>
  /** Ends consuming, with everything held settled. */
  halt(): Promise<Counts>
  count(): Promise<Counts>
  /** Like `kill -9`; resolves when it has ended. */
  kill(): Promise<void>
  /** Ends it in order; a repeat is harmless. */
  stop(): Promise<void>
}

const ENTRY = fileURLToPath(new URL('guarantees-role.ts', import.meta.url))
const START_MS = 120_000

interface Word {
  readonly ready?: boolean
  readonly id?: number
  readonly counts?: Counts
}

/** Starts a role, which waits for `go`. It ends with this process. */
export async function startRole(role: WorkerRole, env: Readonly<Record<string, string>>): Promise<RoleProcess> {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, [ENTRY, role], {
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const release = child.pid === undefined ? () => {} : endWithParent(child.pid)
  const waiting = new Map<number, PromiseWithResolvers<Counts>>()
  const ready = Promise.withResolvers<void>()
  const ended = once(child, 'exit').then(() => {
    release()
    const error = new Error(`the ${role} process ended`)
    ready.reject(error)
    for (const { reject } of waiting.values()) reject(error)
  })
  child.on('message', ({ ready: isReady, id = 0, counts }: Word) => {
    if (isReady) return ready.resolve()
    if (counts !== undefined) waiting.get(id)?.resolve(counts)
    waiting.delete(id)
  })
  let last = 0
  const ask = (order: Order): Promise<Counts> => {
    last += 1
    const answer = Promise.withResolvers<Counts>()
    waiting.set(last, answer)
    child.send({ order, id: last })
    return answer.promise
  }
  const end = (signal: NodeJS.Signals) => async (): Promise<void> => {
    child.kill(signal)
    await ended
  }
  const late = setTimeout(() => ready.reject(new Error(`the ${role} process does not start`)), START_MS)
  await ready.promise
    .finally(() => clearTimeout(late))
    .catch(async (error) => {
      await end('SIGKILL')()
      throw error
    })
  return {
    role,
    go: () => ask('go'),
    halt: () => ask('halt'),
    count: () => ask('count'),
    kill: end('SIGKILL'),
    stop: end('SIGTERM'),
  }
}
