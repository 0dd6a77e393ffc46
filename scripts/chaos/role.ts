/**
 * The test entry of the drill: `node scripts/chaos/role.ts`. It loads everything, waits for word from its parent which
 * role it is, and then runs it as src/server.ts does, on ports whose calls are counted. Armed, it stops itself by
 * SIGKILL just before or just after one of them. It never outlives its parent.
 */
import { loadConfig } from '../../src/config.ts'
import { openResources } from '../../src/resources.ts'
import { ROLES, type Role, runWorker } from '../../src/roles.ts'
import { runProcess } from '../../src/runtime.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { SABOTAGES } from './sabotage.ts'
import { watchCalls } from './watch-calls.ts'

/** Which call of the process is its last one. */
export interface Kill {
  /** Such as `jobs.advance`. */
  readonly call: string
  readonly when: 'before' | 'after'
  /** From 1, counted from when the process was armed. */
  readonly nth: number
}

export type Order =
  | { readonly type: 'go'; readonly role: Role; readonly env: Readonly<Record<string, string>>; readonly kill?: Kill }
  | { readonly type: 'arm'; readonly kill: Kill | undefined }
  | { readonly type: 'report' }

export type Word =
  | { readonly type: 'loaded' }
  | { readonly type: 'running' }
  | { readonly type: 'calls'; readonly calls: Readonly<Record<string, number>> }

let armed: { kill: Kill; seen: number } | undefined
let calls: Record<string, number> = {}

function tell(word: Word): void {
  process.send?.(word)
}

function hear(order: Order): void {
  switch (order.type) {
    case 'go':
      arm(order.kill)
      void run(order.role, order.env)
      return
    case 'arm':
      arm(order.kill)
      return
    case 'report':
      tell({ type: 'calls', calls })
      calls = {}
      return
    default:
      throw new Error(`unhandled order ${order satisfies never}`)
  }
}

function arm(kill: Kill | undefined): void {
  armed = kill && { kill, seen: 0 }
}

function dieIfDue(call: string, when: Kill['when']): void {
  if (armed === undefined || armed.kill.call !== call || armed.kill.when !== when) return
  armed.seen += 1
  if (armed.seen < armed.kill.nth) return
  process.kill(process.pid, 'SIGKILL')
  // Not one more step until the kernel has come round to it.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

async function run(role: Role, env: Readonly<Record<string, string>>): Promise<void> {
  Object.assign(process.env, env)
  const config = loadConfig(process.env)
  const logger = createLogger(config.logLevel, { role })
  const places = {
    database: { url: config.databaseUrl ?? '', poolSize: config.databasePool, log: logger },
    redisUrl: config.redisUrl ?? '',
    awsEndpointUrl: config.awsEndpointUrl,
  }
  await runProcess(
    async (runtime) => {
      const resources = openResources(config, places, logger)
      const spoil = SABOTAGES[process.env.CHAOS_SABOTAGE ?? ''] ?? ((ports) => ports)
      const ports = watchCalls(spoil(resources.ports), {
        before(call) {
          calls[call] = (calls[call] ?? 0) + 1
          dieIfDue(call, 'before')
        },
        after: (call) => dieIfDue(call, 'after'),
      })
      const context = { ...runtime, ...resources, ports, config, logger, onListening: () => tell({ type: 'running' }) }
      if (role !== 'api') tell({ type: 'running' })
      await (role === 'api' ? ROLES.api(context) : runWorker(role, context)).finally(() => resources.close())
    },
    { stopTimeoutS: config.stopTimeoutS, log: logger },
  )
  process.exit()
}

process.on('message', hear)
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'))
tell({ type: 'loaded' })
