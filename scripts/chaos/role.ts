/**
 * The test entry of the drill: `node scripts/chaos/role.ts`. It loads everything, waits for word from its parent which
 * role it is, and then runs it as src/server.ts does, on ports whose calls are counted. Armed, it stops itself by
 * SIGKILL just before or just after one of them. It never outlives its parent.
 */
import { TOPOLOGY } from '../../infra/topology.ts'
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
  /** Only calls that found something count: a look for work that finds none is as good as no call. */
  readonly finding: boolean
}

/** How often a call was made, and how often it was answered with anything but an empty list. */
export interface CallCount {
  readonly made: number
  readonly found: number
}

export type Order =
  | { readonly type: 'go'; readonly role: Role; readonly env: Readonly<Record<string, string>>; readonly kill?: Kill }
  | { readonly type: 'arm'; readonly kill: Kill | undefined }
  | { readonly type: 'report' }

export type Word =
  | { readonly type: 'loaded' }
  | { readonly type: 'running' }
  | {
      readonly type: 'report'
      readonly calls: Readonly<Record<string, CallCount>>
      /** By the clock of the process. */
      readonly nowMs: number
    }

let armed: { kill: Kill; seen: number } | undefined
let calls: Record<string, CallCount> = {}

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
      tell({ type: 'report', calls, nowMs: Date.now() })
      calls = {}
      return
    default:
      throw new Error(`unhandled order ${order satisfies never}`)
  }
}

function arm(kill: Kill | undefined): void {
  armed = kill && { kill, seen: 0 }
}

function count(call: string, by: CallCount): void {
  const { made, found } = calls[call] ?? { made: 0, found: 0 }
  calls[call] = { made: made + by.made, found: found + by.found }
}

function dieIfDue(call: string, when: Kill['when'], foundNothing = false): void {
  if (armed === undefined || armed.kill.call !== call || armed.kill.when !== when) return
  if (armed.kill.finding && foundNothing) return
  armed.seen += 1
  if (armed.seen < armed.kill.nth) return
  process.kill(process.pid, 'SIGKILL')
  // Not one more step until the kernel has come round to it.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

async function run(role: Role, env: Readonly<Record<string, string>>): Promise<void> {
  Object.assign(process.env, env)
  const config = loadConfig(process.env)
  // That of dead letters has no setting, and a kill would hold them for half a minute.
  const { visibilityTimeoutS } = config
  for (const queue of [TOPOLOGY.analysisQueue, TOPOLOGY.resultQueue]) Object.assign(queue, { visibilityTimeoutS })
  const logger = createLogger(config.logLevel, { role })
  const placesOf = (release: AbortSignal) => ({
    database: { url: config.databaseUrl ?? '', poolSize: config.databasePool, release, log: logger },
    redisUrl: config.redisUrl ?? '',
    awsEndpointUrl: config.awsEndpointUrl,
  })
  await runProcess(
    async (runtime) => {
      const resources = openResources(config, placesOf(runtime.release), logger)
      const spoil = SABOTAGES[process.env.CHAOS_SABOTAGE ?? ''] ?? ((ports) => ports)
      const ports = watchCalls(spoil(resources.ports), {
        before(call) {
          count(call, { made: 1, found: 0 })
          dieIfDue(call, 'before')
        },
        after(call, foundNothing) {
          if (!foundNothing) count(call, { made: 0, found: 1 })
          dieIfDue(call, 'after', foundNothing)
        },
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
