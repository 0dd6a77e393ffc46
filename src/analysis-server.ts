/**
 * Our own analysis server of the direct route, as a process of its own (`npm run analysis-server`) and beside the whole
 * system in one process. It needs S3 and nothing else: what it is to do, and whom to tell, is in the orders.
 */
import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { availableParallelism } from 'node:os'
import type { FastifyBaseLogger } from 'fastify'
import { type Config, parseAllowedPrefixes } from './config.ts'
import { createAnalysisServerApp } from './http/analysis-server-app.ts'
import { createLazily } from './lazily.ts'
import { createAnswerSender } from './legacy/answer-sender.ts'
import { createAnalysisPool } from './media/analysis-pool.ts'
import { awsOptions } from './places.ts'
import type { Ports } from './ports.ts'
import { aborted } from './queues/pause.ts'
import type { Runtime } from './runtime.ts'
import { createOrderDesk } from './services/serve-orders.ts'
import { createMemoryBudget } from './storage/memory-budget.ts'
import { createObjectStore, createS3Client } from './storage/object-store.ts'
import { createMetrics, type MetricsRegistry } from './telemetry/metrics.ts'

/** Orders that wait, for each place: what one hour's recording holds up is a while. */
const WAITING_PER_PLACE = 25

export interface AnalysisServerContext {
  readonly config: Config
  readonly ports: Pick<Ports, 'objects' | 'analyser' | 'log'>
  readonly metrics: MetricsRegistry
  readonly logger: FastifyBaseLogger
  readonly analysisThreads: number
  /** Looked at anew each time. */
  readonly webhookUrl: () => string | undefined
  readonly port: number
  readonly host: string
}

export interface RunningAnalysisServer {
  /** Where it takes orders. */
  readonly url: string
  /** Takes nothing more, answers what is held, and closes; `release` breaks that off. A repeat waits for the first. */
  stop(release: AbortSignal): Promise<void>
}

export async function startAnalysisServer(context: AnalysisServerContext): Promise<RunningAnalysisServer> {
  const { config, ports, metrics, logger, analysisThreads: places, webhookUrl } = context
  const answers = createAnswerSender({ webhookUrl, secret: config.webhookSecret, log: ports.log })
  const desk = createOrderDesk(
    { objects: ports.objects, analyser: ports.analyser, log: ports.log, metrics, answers },
    {
      places,
      most: places * (1 + WAITING_PER_PLACE),
      allowedPrefixes: parseAllowedPrefixes(config.analysisAllowedS3Prefixes),
    },
  )
  let isStopping = false
  const app = createAnalysisServerApp({
    desk,
    mayCall: answers.mayCall,
    logger,
    checks: { storage: () => ports.objects.check(), analyser: () => ports.analyser.check() },
    isStopping: () => isStopping,
    renderMetrics: () => metrics.render(),
    metricsToken: config.metricsToken,
    onLoopback: /^(127\.|::1$|localhost$)/.test(context.host),
  })
  await app.listen({ port: context.port, host: context.host })
  const { address, family, port } = app.server.address() as AddressInfo
  const stop = async (release: AbortSignal): Promise<void> => {
    isStopping = true
    await app.close()
    await desk.settle(release)
    await answers.close()
  }
  let stopped: Promise<void> | undefined
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/`,
    stop: (release) => {
      stopped ??= stop(release)
      return stopped
    },
  }
}

/** What a system in one process is given where the environment names no analysis server. */
export interface LocalDirectRoute {
  readonly config: Config
  /** To be called once the API listens. */
  announce(apiUrl: string): void
  /** Starts the server, on a free port of this machine. */
  start(context: Omit<AnalysisServerContext, 'config' | 'webhookUrl' | 'port' | 'host'>): Promise<RunningAnalysisServer>
}

/** Both sides share a secret that nobody else knows; their addresses come to be known as they listen. */
export function createLocalDirectRoute(given: Config): LocalDirectRoute {
  const known: Config & { -readonly [K in 'analysisServerUrl' | 'webhookUrl']?: string } = {
    ...given,
    webhookSecret: given.webhookSecret ?? randomBytes(32).toString('hex'),
  }
  return {
    config: known,
    announce: (apiUrl) => {
      known.webhookUrl = apiUrl
    },
    async start(context) {
      const webhookUrl = () => known.webhookUrl
      const server = await startAnalysisServer({ ...context, config: known, webhookUrl, port: 0, host: '127.0.0.1' })
      known.analysisServerUrl = server.url
      return server
    },
  }
}

/** The process of its own, until a signal stops it. */
export async function serveOrders(
  config: Config,
  logger: FastifyBaseLogger,
  { signal, release }: Runtime,
): Promise<void> {
  const { lazily, closeAll } = createLazily()
  const analysisThreads = config.analysisThreads || availableParallelism()
  const { awsEndpointUrl, host, port, maxDurationS, analysisTimeoutS } = config
  const s3 = lazily(
    () => createS3Client(awsOptions(config, { awsEndpointUrl })),
    (client) => client.destroy(),
  )
  const pool = lazily(
    () => createAnalysisPool({ threads: analysisThreads, maxDurationS, timeoutMs: analysisTimeoutS * 1000 }),
    (opened) => opened.close(),
  )
  try {
    const budget = createMemoryBudget(config.uploadMemoryBytes)
    const ports = { objects: createObjectStore(s3(), config.s3Bucket, { budget }), analyser: pool(), log: logger }
    const webhookUrl = () => config.webhookUrl
    const context = { config, ports, metrics: createMetrics(), logger, analysisThreads, webhookUrl, port, host }
    const server = await startAnalysisServer(context)
    logger.info({ url: server.url }, 'listening')
    await aborted(signal)
    await server.stop(release)
  } finally {
    await closeAll()
  }
}
