/**
 * Everything a process uses from outside, as one `Ports` record: each client is opened on first use, and all are
 * closed in reverse. This is the only place that knows which adapter stands behind which port.
 */
import { availableParallelism } from 'node:os'
import { provision, queueNameIn, queueNamesOf } from '../infra/provision.ts'
import { type QueueTopology, TOPOLOGY } from '../infra/topology.ts'
import type { Config } from './config.ts'
import { createAnalysisPool } from './media/analysis-pool.ts'
import { sniffAudio } from './media/sniff.ts'
import type { Log, Ports } from './ports.ts'
import { createJobQueue } from './queues/job-queue.ts'
import { createNamedQueue } from './queues/named-queue.ts'
import { createProgressLog } from './queues/progress-log.ts'
import { createConnectRedis } from './queues/redis.ts'
import { createSqsClient } from './queues/sqs-client.ts'
import { type DatabaseSource, openDatabase } from './storage/database.ts'
import { createGatheringJobStore } from './storage/gathering-job-store.ts'
import { createJobStore } from './storage/job-store.ts'
import { createKeyStore } from './storage/key-store.ts'
import { migrateDatabase } from './storage/migrate.ts'
import { createObjectStore, createS3Client } from './storage/object-store.ts'
import { createTokenStore } from './storage/token-store.ts'
import { pipelineGauges } from './telemetry/gauges.ts'
import { createMetrics, type MetricsRegistry } from './telemetry/metrics.ts'

/** Where the stores are. */
export interface Places {
  readonly database: DatabaseSource
  readonly redisUrl: string
  /** Undefined: AWS itself. */
  readonly awsEndpointUrl: string | undefined
  /** True for the emulator in this process, which asks for no credentials. */
  readonly embeddedAws?: boolean
}

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

/** Opens a value on first use, and closes it with all the others. */
type Lazily = <T>(open: () => T, close?: (opened: T) => unknown) => () => T

export function openResources(config: Config, places: Places, log: Log): Resources {
  const { lazily, closeAll } = createLazily()
  const metrics = createMetrics()
  const stores = openStores(config, places, log, lazily)
  const queues = openQueues(config, places, log, lazily)
  const analysisThreads = config.analysisThreads || availableParallelism()
  const analyser = lazily(
    () =>
      createAnalysisPool({
        threads: analysisThreads,
        maxDurationS: config.maxDurationS,
        timeoutMs: config.analysisTimeoutS * 1000,
      }),
    (pool) => pool.close(),
  )
  const ports = withGetters({ ...stores.ports, ...queues.ports, analyser }, { sniff: sniffAudio, metrics, log })
  const messageQueues = {
    [TOPOLOGY.analysisQueue.name]: { depth: () => ports.analysisQueue.depth() },
    [TOPOLOGY.resultQueue.name]: { depth: () => ports.resultQueue.depth() },
  }
  const jobs = { countByStatus: () => ports.jobs.countByStatus() }
  const jobQueue = { counts: () => ports.jobQueue.counts() }
  for (const source of pipelineGauges({ jobs, jobQueue, messageQueues })) metrics.addGauges(source)
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
        log,
      })),
    close: closeAll,
  }
}

function openStores(config: Config, places: Places, log: Log, lazily: Lazily) {
  const database = lazily(
    () => openDatabase('url' in places.database ? { ...places.database, log } : places.database),
    (db) => db.destroy(),
  )
  const s3 = lazily(
    () => createS3Client(awsOptions(config, places)),
    (client) => client.destroy(),
  )
  const jobs = lazily(() => createGatheringJobStore(createJobStore(database())))
  const keys = lazily(() => createKeyStore(database()))
  const tokens = lazily(() => createTokenStore(database()))
  const objects = lazily(() => createObjectStore(s3(), config.s3Bucket))
  return { database, s3, ports: { jobs, keys, tokens, objects } }
}

function openQueues(config: Config, places: Places, log: Log, lazily: Lazily) {
  const connect = createConnectRedis(places.redisUrl, log)
  const sqs = lazily(
    () => createSqsClient(awsOptions(config, places)),
    (client) => client.destroy(),
  )
  const queue = ({ name: usual, visibilityTimeoutS }: QueueTopology, url: string | undefined) => {
    const name = queueNameIn(url) ?? usual
    const deadLetterName = `${name}-dlq`
    return lazily(() => createNamedQueue({ client: sqs(), name, deadLetterName, visibilityTimeoutS, url, log }))
  }
  const ports = {
    jobQueue: lazily(
      () => createJobQueue({ connect, ...TOPOLOGY.jobQueue, log }),
      (opened) => opened.close(),
    ),
    progress: lazily(
      () => createProgressLog({ connect, prefix: 'tonewire', log }),
      (opened) => opened.close(),
    ),
    analysisQueue: queue(TOPOLOGY.analysisQueue, config.sqsQueueUrl),
    resultQueue: queue(TOPOLOGY.resultQueue, config.sqsResultQueueUrl),
  }
  return { sqs, ports }
}

/** The embedded endpoint takes any credentials; a real one's come from the environment, a profile or a role. */
function awsOptions(config: Config, { awsEndpointUrl, embeddedAws }: Places) {
  const credentials = embeddedAws ? { credentials: { accessKeyId: 'embedded', secretAccessKey: 'embedded' } } : {}
  return {
    region: config.awsRegion,
    ...(awsEndpointUrl === undefined ? {} : { endpoint: awsEndpointUrl }),
    ...credentials,
  }
}

function createLazily(): { lazily: Lazily; closeAll: () => Promise<void> } {
  const closers: (() => unknown)[] = []
  const lazily: Lazily = (open, close = () => {}) => {
    let opened: { value: ReturnType<typeof open> } | undefined
    return () => {
      if (opened === undefined) {
        const value = open()
        opened = { value }
        closers.push(() => close(value))
      }
      return opened.value
    }
  }
  const closeAll = async (): Promise<void> => {
    const failures: unknown[] = []
    for (const close of closers.splice(0).reverse()) {
      try {
        await close()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not everything could be closed')
  }
  return { lazily, closeAll }
}

type Getters<T> = { readonly [Name in keyof T]: T[Name] extends () => infer Value ? Value : never }

/** One record of opened things, each opened when its name is first read. */
function withGetters<T extends Record<string, () => unknown>, U extends object>(openers: T, others: U): Getters<T> & U {
  const record = { ...others }
  for (const [name, get] of Object.entries(openers)) Object.defineProperty(record, name, { get, enumerable: true })
  return record as Getters<T> & U
}
