/**
 * A worker role in a process of its own, as the product runs it but for two things: what it asks of its servers is
 * counted, and the analysis is null (nothing is fetched, decoded or measured). Its parent tells it when to consume:
 *
 *   go → consumes; halt → settles what it holds and answers; count → answers with its counts so far
 */
import { Readable } from 'node:stream'
import { loadConfig } from '../../src/config.ts'
import type { Analyser, Ports } from '../../src/ports.ts'
import { openResources, type Resources } from '../../src/resources.ts'
import { ROLES, type WorkerRole } from '../../src/roles.ts'
import { runProcess } from '../../src/runtime.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { countFromHere } from './guarantees-counters.ts'

export type Order = 'go' | 'halt' | 'count'

const RESULT = JSON.stringify({ version: 1, analysis_version: 'null' })
const nullAnalyser: Analyser = {
  mode: 'robust',
  analyse: async ({ recording }) => {
    recording.destroy()
    return { durationS: 1, result: RESULT }
  },
  check: async () => {},
}

function withNullAnalyser(ports: Ports): Ports {
  const objects = { ...ports.objects, get: async () => Readable.from([]) }
  return Object.create(ports, { analyser: { value: nullAnalyser }, objects: { value: objects } }) as Ports
}

const role = process.argv[2] as WorkerRole
const counts = countFromHere()
const config = loadConfig(process.env)
const logger = createLogger(config.logLevel, { role })
const { databaseUrl = '', redisUrl = '', awsEndpointUrl } = config
const places = { database: { url: databaseUrl, poolSize: config.databasePool, log: logger }, redisUrl, awsEndpointUrl }
const resources = openResources(config, places, logger)
await runProcess((runtime) => obey(resources, runtime), { stopTimeoutS: config.stopTimeoutS, log: logger })
await resources.close()
process.disconnect?.()

/** How many answers were recorded, how many were repeats, and how many came too late. */
function resultsIn(metrics: string): Record<string, number> {
  const lines = metrics.matchAll(/^\w*results_total\{[^}]*outcome="(\w+)"[^}]*\} (\d+)/gm)
  return Object.fromEntries([...lines].map(([, outcome, count]) => [outcome, Number(count)]))
}

async function obey(opened: Resources, { signal, release }: { signal: AbortSignal; release: AbortSignal }) {
  const ports = withNullAnalyser(opened.ports)
  await Promise.all([ports.jobs.check(), ports.progress.check()])
  let halt = new AbortController()
  let consuming = Promise.resolve()
  const failed = Promise.withResolvers<never>()
  const go = () => {
    halt = new AbortController()
    const context = { ...opened, ports, config, logger, release, analysisThreads: config.analysisThreads || 1 }
    consuming = ROLES[role]({ ...context, signal: AbortSignal.any([signal, halt.signal]) })
    consuming.catch(failed.reject)
  }
  process.on('message', async ({ order, id }: { order: Order; id: number }) => {
    if (order === 'go') go()
    if (order === 'halt') {
      halt.abort()
      await consuming
    }
    const { text } = await opened.metrics.render()
    process.send?.({ id, counts: { ...counts(), results: resultsIn(text) } })
  })
  process.send?.({ ready: true })
  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  await Promise.race([stopped, failed.promise])
  await consuming
}
