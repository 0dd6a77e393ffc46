/** The side of the resources that moves: Redis and SQS, each opened on first use. */
import { queueNameIn } from '../infra/provision.ts'
import { type QueueTopology, TOPOLOGY } from '../infra/topology.ts'
import type { Config } from './config.ts'
import type { Lazily } from './lazily.ts'
import { awsOptions, type Places } from './places.ts'
import type { LimitRules } from './ports/limits.ts'
import type { Log } from './ports.ts'
import { createJobQueue } from './queues/job-queue.ts'
import { createNamedQueue } from './queues/named-queue.ts'
import { createProgressLog } from './queues/progress-log.ts'
import { createRateLimits } from './queues/rate-limits.ts'
import { createConnectRedis } from './queues/redis.ts'
import { createSqsCalls } from './queues/sqs-calls.ts'
import { createSqsClient } from './queues/sqs-client.ts'
import type { MetricsRegistry } from './telemetry/metrics.ts'

export function openQueues(config: Config, places: Places, log: Log, lazily: Lazily, metrics: MetricsRegistry) {
  const connect = createConnectRedis(places.redisUrl, log)
  const sqs = lazily(
    () => createSqsClient(awsOptions(config, places)),
    (client) => client.destroy(),
  )
  const calls = lazily(
    () => createSqsCalls(sqs()),
    (opened) => opened.close(),
  )
  const sides = () => ({ client: sqs(), calls: calls() })
  const { visibilityTimeoutS } = config
  const queue = ({ name: usual }: QueueTopology, url: string | undefined) => {
    const name = queueNameIn(url) ?? usual
    const deadLetterName = `${name}-dlq`
    return lazily(() => createNamedQueue({ ...sides(), name, deadLetterName, visibilityTimeoutS, url, log }))
  }
  const deadQueue = ({ name: usual, visibilityTimeoutS }: QueueTopology, url: string | undefined) => {
    const name = `${queueNameIn(url) ?? usual}-dlq`
    return lazily(() => createNamedQueue({ ...sides(), name, visibilityTimeoutS, url: undefined, log }))
  }
  const ports = {
    jobQueue: lazily(
      () => createJobQueue({ connect, ...TOPOLOGY.jobQueue, lockDurationMs: config.jobLockS * 1000, log }),
      (opened) => opened.close(),
    ),
    progress: lazily(
      () => createProgressLog({ connect, prefix: 'tonewire', log }),
      (opened) => opened.close(),
    ),
    limits: lazily(
      () => createRateLimits({ connect, prefix: 'tonewire', rules: limitRulesOf(config), log, metrics }),
      (opened) => opened.close(),
    ),
    analysisQueue: queue(TOPOLOGY.analysisQueue, config.sqsQueueUrl),
    resultQueue: queue(TOPOLOGY.resultQueue, config.sqsResultQueueUrl),
    analysisDeadQueue: deadQueue(TOPOLOGY.analysisQueue, config.sqsQueueUrl),
    resultDeadQueue: deadQueue(TOPOLOGY.resultQueue, config.sqsResultQueueUrl),
  }
  return { sqs, ports }
}

/** Seconds whose worth a full bucket holds: short bursts pass. */
const REQUEST_BURST_S = 10
const BYTE_BURST_S = 60

function limitRulesOf(config: Config): LimitRules {
  return {
    requests: { perS: config.rateLimitRequestsPerS, burstS: REQUEST_BURST_S },
    bytes: { perS: config.rateLimitBytesPerS, burstS: BYTE_BURST_S },
    maxUploads: config.maxUploadsPerOwner,
  }
}
