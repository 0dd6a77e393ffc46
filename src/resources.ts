/**
 * Everything a process uses from outside, as one `Ports` record: each client is opened on first use, and all are
 * closed in reverse. This is the only place that knows which adapter stands behind which port.
 */
import { availableParallelism } from 'node:os'
import { provision, queueNamesOf } from '../infra/provision.ts'
import { TOPOLOGY } from '../infra/topology.ts'
import { createCallbackSender } from './callbacks/callback-sender.ts'
import { type Config, parseOrigins } from './config.ts'
import { cutoverSettingsOf } from './cutover-settings.ts'
import { createLazily, type Lazily, withGetters } from './lazily.ts'
import { createAnalysisServer } from './legacy/analysis-server.ts'
import { createAnalysisPool } from './media/analysis-pool.ts'
import { findFfmpegOrThrow } from './media/ffmpeg-tools.ts'
import { createFormatPool } from './media/format-pool.ts'
import { inspectHead } from './media/inspect-head.ts'
import { createReferenceChecker } from './media/reference-checker.ts'
import { sniffAudio } from './media/sniff.ts'
import { checkSpool } from './media/spool.ts'
import { openCutover } from './open-cutover.ts'
import { openQueues } from './open-queues.ts'
import { awsOptions, type Places } from './places.ts'
import type { Log, Ports } from './ports.ts'
import { createJobs } from './storage/create-job.ts'
import { openDatabase } from './storage/database.ts'
import { createDeadLetterStore } from './storage/dead-letter-store.ts'
import { createDeliveryStore } from './storage/delivery-store.ts'
import { createDirectUploads } from './storage/direct-uploads.ts'
import { createGatheringJobStore } from './storage/gathering-job-store.ts'
import { createJobStore } from './storage/job-store.ts'
import { createKeyStore } from './storage/key-store.ts'
import { createMemoryBudget } from './storage/memory-budget.ts'
import { migrateDatabase } from './storage/migrate.ts'
import { createObjectStore, createS3Client } from './storage/object-store.ts'
import { createOwnerDeletionStore } from './storage/owner-deletion-store.ts'
import { createOwnerSecretStore } from './storage/owner-secret-store.ts'
import { createRetentionStore } from './storage/retention-store.ts'
import { createSweepStore } from './storage/sweep-store.ts'
import { createTimeline } from './storage/timeline.ts'
import { createTokenStore } from './storage/token-store.ts'
import { createUploadFactStore } from './storage/upload-fact-store.ts'
import { callbackGauge } from './telemetry/callback-gauge.ts'
import { deadLetterGauge } from './telemetry/dead-letter-gauge.ts'
import { analyserGauge, dependencyGauge } from './telemetry/dependency-gauge.ts'
import { pipelineGauges } from './telemetry/gauges.ts'
import { createMetrics, type MetricsRegistry } from './telemetry/metrics.ts'
import { routeGauges } from './telemetry/route-gauge.ts'
import { workerName } from './worker-name.ts'

export interface Resources {
  readonly ports: Ports
  readonly metrics: MetricsRegistry
  readonly analysisThreads: number
  /** Brings the schema up to date. */
  migrate(): Promise<void>
  /** Makes the bucket and the queues. */
  provision(): Promise<void>
  close(): Promise<void>
}

/** `worker` names this process in timelines. */
export function openResources(config: Config, places: Places, log: Log, worker = workerName('all')): Resources {
  const { lazily, closeAll } = createLazily()
  const metrics = createMetrics()
  const stores = openStores(config, places, log, lazily, { metrics, worker })
  const queues = openQueues(config, places, log, lazily, metrics)
  const cutover = openCutover(config, places, log, lazily, stores.database)
  const analysisThreads = config.analysisThreads || availableParallelism()
  const analyser = lazily(
    () => {
      // Of analysers alone: where nothing is analysed, nothing of it has to be there.
      metrics.addGauges(analyserGauge({ ffmpeg: findFfmpegOrThrow, temporary_files: () => checkSpool() }))
      return createAnalysisPool({
        threads: analysisThreads,
        maxDurationS: config.maxDurationS,
        timeoutMs: config.analysisTimeoutS * 1000,
      })
    },
    (pool) => pool.close(),
  )
  const formatter = lazily(
    () => createFormatPool({ onThreadError: (err) => log.warn({ err }, 'formatting thread died') }),
    (pool) => pool.close(),
  )
  const referenceChecker = lazily(
    () => createReferenceChecker(),
    (checker) => checker.close(),
  )
  const analysisServer = lazily(
    () => createAnalysisServer({ ...directRouteOf(config), metrics, log }),
    (server) => server.close(),
  )
  const ports = withGetters(
    { ...stores.ports, ...queues.ports, ...cutover, analysisServer, referenceChecker, analyser, formatter },
    { sniff: sniffAudio, inspectHead, metrics, log },
  )
  addGauges(metrics, ports, cutoverSettingsOf(config).provider !== null)
  return {
    ports,
    metrics,
    analysisThreads,
    migrate: async () => void (await migrateDatabase(stores.database())),
    provision: async () =>
      void (await provision({
        s3: stores.s3(),
        sqs: queues.sqs(),
        bucket: config.s3Bucket,
        names: queueNamesOf(config),
        corsOrigins: parseOrigins(config.corsOrigins),
        log,
      })),
    close: closeAll,
  }
}

/** Each is asked for what it opens only when the figures are read. */
function addGauges(metrics: MetricsRegistry, ports: Ports, hasProvider: boolean): void {
  const messageQueues = {
    [TOPOLOGY.analysisQueue.name]: { depth: () => ports.analysisQueue.depth() },
    [TOPOLOGY.resultQueue.name]: { depth: () => ports.resultQueue.depth() },
  }
  const jobs = { countByStatus: () => ports.jobs.countByStatus() }
  const jobQueue = { counts: () => ports.jobQueue.counts() }
  for (const source of pipelineGauges({ jobs, jobQueue, messageQueues })) metrics.addGauges(source)
  metrics.addGauges(deadLetterGauge({ group: (filter, keys) => ports.deadLetters.group(filter, keys) }))
  metrics.addGauges(dependencyGauge(ports))
  for (const source of routeGauges(ports, { hasProvider })) metrics.addGauges(source)
  metrics.addGauges(callbackGauge({ oldestPendingAgeS: () => ports.deliveries.oldestPendingAgeS() }))
}

function directRouteOf(config: Config) {
  return {
    // Looked at late: where all is in one process they are not known before both listen.
    url: () => config.analysisServerUrl,
    webhookUrl: () => config.webhookUrl,
    concurrency: config.directConcurrency,
    timeoutMs: config.directTimeoutS * 1000,
    integerTokenIds: config.legacyIntegerTokenIds === 'true',
  }
}

interface Noting {
  readonly metrics: MetricsRegistry
  readonly worker: string
}

function openStores(config: Config, places: Places, log: Log, lazily: Lazily, noting: Noting) {
  const database = lazily(
    () => openDatabase('url' in places.database ? { ...places.database, log } : places.database),
    (db) => db.destroy(),
  )
  const s3 = lazily(
    () => createS3Client(awsOptions(config, places)),
    (client) => client.destroy(),
  )
  const jobs = lazily(() => createGatheringJobStore(createJobStore(database()), (jobs) => createJobs(database(), jobs)))
  const keys = lazily(() => createKeyStore(database()))
  const tokens = lazily(() => createTokenStore(database()))
  const deliveries = lazily(() => createDeliveryStore(database()))
  const deadLetters = lazily(() => createDeadLetterStore(database()))
  const ownerSecrets = lazily(() => createOwnerSecretStore(database()))
  const sweeps = lazily(() => createSweepStore(database()))
  const retention = lazily(() => createRetentionStore(database()))
  const ownerDeletions = lazily(() => createOwnerDeletionStore(database()))
  const timeline = lazily(
    () => createTimeline({ db: database(), log, ...noting }),
    (opened) => opened.close(),
  )
  const callbackSender = lazily(
    () => createCallbackSender({ allowLoopback: config.callbackAllowLoopback === 'true' }),
    (sender) => sender.close(),
  )
  const budget = createMemoryBudget(config.uploadMemoryBytes)
  const publicEndpoint = config.s3PublicEndpointUrl
  const objects = lazily(() => createObjectStore(s3(), config.s3Bucket, { budget, publicEndpoint }))
  const directUploads = lazily(() => createDirectUploads(s3(), config.s3Bucket, publicEndpoint))
  const uploadFacts = lazily(() => createUploadFactStore(database()))
  return {
    database,
    s3,
    ports: {
      jobs,
      keys,
      tokens,
      deliveries,
      deadLetters,
      ownerSecrets,
      callbackSender,
      sweeps,
      retention,
      ownerDeletions,
      timeline,
      objects,
      directUploads,
      uploadFacts,
      memory: () => budget,
    },
  }
}
