/**
 * The whole system in one process, every role of it. What the environment does not name is embedded: PGlite, S3 and
 * SQS in this process, a redis-server of our own; their data lies in DATA_DIR. Without ANALYSIS_SERVER_URL it is its own
 * analysis server, over HTTP, so that both routes work.
 */
import { join } from 'node:path'
import type { FastifyBaseLogger } from 'fastify'
import { createLocalDirectRoute, type RunningAnalysisServer } from './analysis-server.ts'
import type { Config } from './config.ts'
import { startAwsEmulator } from './embedded/aws-emulator.ts'
import { lockDataDir } from './embedded/data-dir-lock.ts'
import { startRedisServer } from './embedded/redis-server.ts'
import type { Places } from './places.ts'
import { openResources, type Resources } from './resources.ts'
import { ROLES, type Role } from './roles.ts'
import type { Runtime } from './runtime.ts'

export interface System extends Resources {
  /** Base URL of the API. */
  readonly url: string
  /** Rejects when a role fails; resolves when all have stopped. */
  readonly running: Promise<void>
}

/**
 * Starts the stores that are missing, brings schema and queues up to date and starts every role. `close` is called
 * when `running` has settled.
 */
export async function startSystem(given: Config, logger: FastifyBaseLogger, runtime: Runtime): Promise<System> {
  await using cleanUp = new AsyncDisposableStack()
  const local = given.analysisServerUrl === undefined ? createLocalDirectRoute(given) : undefined
  const config = local?.config ?? given
  const places = await openPlaces(config, runtime, cleanUp)
  const resources = openResources(config, places, logger)
  cleanUp.defer(() => resources.close())
  await Promise.all([resources.migrate(), resources.provision()])
  const { promise: listening, resolve } = Promise.withResolvers<string>()
  const server = await local?.start({ ...resources, logger })
  cleanUp.defer(async () => server?.stop(AbortSignal.abort()))
  const onListening = (url: string): void => {
    local?.announce(url)
    resolve(url)
  }
  const signal = server === undefined ? runtime.signal : afterSettling(server, runtime, config.stopTimeoutS)
  const context = { ...runtime, ...resources, signal, config, logger, onListening }
  const running = runAll(Object.keys(ROLES) as Role[], context)
  const url = await Promise.race([listening, running.then(() => Promise.reject(new Error('stopped while starting')))])
  const opened = cleanUp.move()
  return { ...resources, url, running, close: () => opened.disposeAsync() }
}

/** The analysis server stops first, for its answers need the API; it has half of the time to. */
function afterSettling(server: RunningAnalysisServer, { signal, release }: Runtime, stopTimeoutS: number): AbortSignal {
  const settled = new AbortController()
  const stop = async (): Promise<void> => {
    const late = AbortSignal.any([release, AbortSignal.timeout(stopTimeoutS * 500)])
    await server.stop(late).finally(() => settled.abort())
  }
  signal.addEventListener('abort', () => void stop(), { once: true })
  return settled.signal
}

/** Runs roles side by side; when one fails the others are stopped too. */
async function runAll(roles: readonly Role[], context: Parameters<(typeof ROLES)['api']>[0]): Promise<void> {
  const failed = new AbortController()
  const signal = AbortSignal.any([context.signal, failed.signal])
  const run = async (role: Role): Promise<void> => {
    try {
      await ROLES[role]({ ...context, signal })
    } catch (error) {
      failed.abort()
      throw error
    }
  }
  const outcomes = await Promise.allSettled(roles.map(run))
  const failure = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failure !== undefined) throw failure.reason
}

async function openPlaces(config: Config, { release }: Runtime, cleanUp: AsyncDisposableStack): Promise<Places> {
  const { databaseUrl, redisUrl, awsEndpointUrl, dataDir } = config
  if (databaseUrl === undefined || redisUrl === undefined || awsEndpointUrl === undefined)
    cleanUp.use(lockDataDir(dataDir))
  const redis = redisUrl ?? cleanUp.use(await startRedisServer({ dataDir: join(dataDir, 'redis') })).url
  const aws = awsEndpointUrl ?? cleanUp.use(await startAwsEmulator({ dataDir: join(dataDir, 'aws') })).endpoint
  return {
    database:
      databaseUrl === undefined
        ? { dataDir: join(dataDir, 'postgres') }
        : { url: databaseUrl, poolSize: config.databasePool, release },
    redisUrl: redis,
    awsEndpointUrl: aws,
    embeddedAws: awsEndpointUrl === undefined,
  }
}
