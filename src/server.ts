/**
 * Entry of the API (`api`), and without a word of the whole system in one process. `runRole` is what every worker's
 * entry calls.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, ConfigError, loadConfig, parseBootstrapKeys } from './config.ts'
import { openResources } from './resources.ts'
import { ROLES, type Role, runWorker } from './roles.ts'
import { runProcess } from './runtime.ts'
import { createLogger } from './telemetry/logger.ts'
import { workerName } from './worker-name.ts'

/** Runs one role against real stores until a signal stops it. */
export async function runRole(role: Role): Promise<void> {
  const config = readConfig()
  const logger = createLogger(config.logLevel, { role })
  const { databaseUrl, redisUrl } = config
  if (databaseUrl === undefined || redisUrl === undefined) {
    return refuse(
      'A single role needs DATABASE_URL and REDIS_URL: the embedded stores serve one process. Try npm start.',
    )
  }
  const { databasePool: poolSize, awsEndpointUrl } = config
  await runProcess(
    async (runtime) => {
      const database = { url: databaseUrl, poolSize, release: runtime.release }
      const places = { database, redisUrl, awsEndpointUrl }
      const resources = openResources(config, places, logger, workerName(role))
      const onListening = (url: string) => logger.info({ url }, 'listening')
      const context = { ...runtime, ...resources, config, logger, onListening }
      await (role === 'api' ? ROLES.api(context) : runWorker(role, context)).finally(() => resources.close())
    },
    { stopTimeoutS: config.stopTimeoutS, log: logger },
  )
}

/** Runs the analysis server of the direct route until a signal stops it. */
export async function runAnalysisServer(): Promise<void> {
  // Where the API posts to is this process, whatever others call it.
  const own = process.env.WEBHOOK_URL ? { ANALYSIS_SERVER_URL: 'http://127.0.0.1/' } : {}
  const config = readConfig({ ...own, ...process.env })
  if (config.webhookUrl === undefined) return refuse('The analysis server needs WEBHOOK_URL: it answers nobody else.')
  const logger = createLogger(config.logLevel, { role: 'analysis-server' })
  const { serveOrders } = await import('./analysis-server.ts')
  const stopping = { stopTimeoutS: config.stopTimeoutS, log: logger }
  await runProcess((runtime) => serveOrders(config, logger, runtime), stopping)
}

/** Runs every role in this process, on embedded stores where the environment names none. */
async function runSystem(): Promise<void> {
  const given = readConfig()
  const logger = createLogger(given.logLevel, {})
  const { config, key } = withDevelopmentKey(given)
  // The embedded stores are large: a single role goes without them.
  const { startSystem } = await import('./system.ts')
  await runProcess(
    async (runtime) => {
      const system = await startSystem(config, logger, runtime)
      console.error(welcome(system.url, key))
      await system.running.finally(() => system.close())
    },
    { stopTimeoutS: config.stopTimeoutS, log: logger },
  )
}

/** Without BOOTSTRAP_API_KEYS a key is made once and kept with the data. */
function withDevelopmentKey(config: Config): { config: Config; key: string } {
  const [first] = parseBootstrapKeys(config.bootstrapApiKeys)
  if (first !== undefined) return { config, key: first.key }
  const file = join(config.dataDir, 'development-key')
  mkdirSync(config.dataDir, { recursive: true })
  if (!existsSync(file)) writeFileSync(file, `dev-${randomBytes(16).toString('hex')}\n`, { mode: 0o600 })
  const key = readFileSync(file, 'utf8').trim()
  return { config: { ...config, bootstrapApiKeys: `dev=${key}:admin` }, key }
}

function welcome(url: string, key: string): string {
  return `
  Tonewire is running: ${url}
  Development key:     ${key}

  Upload a recording:
    curl -H "Authorization: Bearer ${key}" -F file=@examples/recordings/queue-en.wav ${url}/v1/jobs
  Follow it (with the job_id of the answer):
    curl -N -H "Authorization: Bearer ${key}" ${url}/v1/jobs/JOB_ID/events
`
}

function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  try {
    return loadConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return refuse(error.message)
    throw error
  }
}

function refuse(reason: string): never {
  console.error(reason)
  process.exit(1)
}

if (import.meta.main) await (process.argv[2] === 'api' ? runRole('api') : runSystem())
