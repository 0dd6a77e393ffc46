/** Every port in memory, for tests of services: the twins of test/fakes, a log that is kept and metrics that count. */
import { checkReferenceText } from '../../src/analysis/reference.ts'
import { createUuidV7 } from '../../src/domain/ids.ts'
import { isTerminal, type Job, type JobStatus, rankOf, UNFINISHED_STATUSES } from '../../src/domain/job.ts'
import { recordingKey } from '../../src/domain/object-keys.ts'
import { inspectHead } from '../../src/media/inspect-head.ts'
import { sniffAudio } from '../../src/media/sniff.ts'
import type { Metrics, NewJob, Ports } from '../../src/ports.ts'
import { createMemoryBudget } from '../../src/storage/memory-budget.ts'
import { changeTo, newJob } from '../contracts/job-store-suite.ts'
import { createTestLog } from '../contracts/test-log.ts'
import { createFakeAnalyser } from '../fakes/fake-analyser.ts'
import { createFakeAnalysisServer } from '../fakes/fake-analysis-server.ts'
import { createFakeCallbackSender } from '../fakes/fake-callback-sender.ts'
import { createFakeCutoverNews } from '../fakes/fake-cutover-news.ts'
import { createFakeCutoverStore } from '../fakes/fake-cutover-store.ts'
import { createFakeDeadLetterStore } from '../fakes/fake-dead-letter-store.ts'
import { createFakeDeliveryStore, tellingEnds } from '../fakes/fake-delivery-store.ts'
import { createFakeDirectUploads } from '../fakes/fake-direct-uploads.ts'
import { createFakeFormatter } from '../fakes/fake-formatter.ts'
import { createFakeGuardNotifier } from '../fakes/fake-guard-notifier.ts'
import { createFakeJobQueue } from '../fakes/fake-job-queue.ts'
import { createFakeJobStore } from '../fakes/fake-job-store.ts'
import { createFakeKeyStore } from '../fakes/fake-key-store.ts'
import { createFakeLimits } from '../fakes/fake-limits.ts'
import { createFakeMessageQueue } from '../fakes/fake-message-queue.ts'
import { createFakeObjectStore } from '../fakes/fake-object-store.ts'
import { createFakeOwnerDeletionStore } from '../fakes/fake-owner-deletion-store.ts'
import { createFakeOwnerSecretStore } from '../fakes/fake-owner-secret-store.ts'
import { createFakeProgressLog } from '../fakes/fake-progress-log.ts'
import { createFakeRetentionStore } from '../fakes/fake-retention-store.ts'
import { createFakeRouteComparison } from '../fakes/fake-route-comparison.ts'
import { createFakeRouter } from '../fakes/fake-router.ts'
import { createFakeSweepStore } from '../fakes/fake-sweep-store.ts'
import { createFakeTimeline } from '../fakes/fake-timeline.ts'
import { createFakeTokenStore } from '../fakes/fake-token-store.ts'
import { toneWav } from './recordings.ts'

export type FakePorts = ReturnType<typeof createFakePorts>

export interface CountingMetrics extends Metrics {
  /** The sum of what was counted under this name with at least these labels. */
  counted(name: string, labels?: Readonly<Record<string, string>>): number
}

/** A fresh set; nothing in it is open, so nothing is to be closed. `now` is the database's clock, in Unix milliseconds. */
export function createFakePorts({ now = Date.now }: { now?: () => number } = {}) {
  const deliveries = createFakeDeliveryStore({ now })
  const tables = {
    jobs: createFakeJobStore({ now }),
    tokens: createFakeTokenStore({ now }),
    keys: createFakeKeyStore({ now }),
    deadLetters: createFakeDeadLetterStore({ now }),
  }
  const ownerDeletions = createFakeOwnerDeletionStore({ ...tables, now })
  const timeline = createFakeTimeline(tables.jobs, { now })
  const retention = createFakeRetentionStore(tables.jobs, { now, onPurged: timeline.forget })
  const jobs = tellingEnds(ownerDeletions.guarding(tables.jobs), deliveries)
  const objects = createFakeObjectStore()
  const cutover = createFakeCutoverStore({ now })
  return {
    jobs,
    deliveries,
    deadLetters: tables.deadLetters,
    ownerSecrets: createFakeOwnerSecretStore({ now }),
    callbackSender: createFakeCallbackSender(),
    keys: ownerDeletions.guardingKeys(tables.keys),
    tokens: ownerDeletions.guardingTokens(tables.tokens),
    sweeps: createFakeSweepStore({ ...tables, purged: retention.purged, now }),
    retention,
    ownerDeletions,
    timeline,
    objects,
    directUploads: createFakeDirectUploads(objects),
    uploadFacts: jobs.uploadFacts,
    jobQueue: createFakeJobQueue(),
    analysisServer: createFakeAnalysisServer(),
    analysisQueue: createFakeMessageQueue(),
    resultQueue: createFakeMessageQueue(),
    analysisDeadQueue: createFakeMessageQueue({ maxReceiveCount: Number.POSITIVE_INFINITY }),
    resultDeadQueue: createFakeMessageQueue({ maxReceiveCount: Number.POSITIVE_INFINITY }),
    progress: createFakeProgressLog(),
    router: createFakeRouter(),
    cutover,
    cutoverNews: createFakeCutoverNews(),
    comparison: createFakeRouteComparison({ ...tables, cutover, now }),
    guardNotifier: createFakeGuardNotifier(),
    limits: createFakeLimits(),
    analyser: createFakeAnalyser(),
    formatter: createFakeFormatter(),
    referenceChecker: { check: async (kind, bytes) => checkReferenceText(kind, bytes) },
    memory: createMemoryBudget(16 * 1024 ** 2),
    answerMemory: createMemoryBudget(16 * 1024 ** 2),
    sniff: sniffAudio,
    inspectHead,
    metrics: createCountingMetrics(),
    log: createTestLog(),
  } satisfies Ports
}

function createCountingMetrics(): CountingMetrics {
  const counts: { name: string; labels: Readonly<Record<string, string>>; by: number }[] = []
  return {
    count: (name, labels = {}, by = 1) => void counts.push({ name, labels, by }),
    observe: () => {},
    counted: (name, labels = {}) =>
      counts
        .filter((one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value))
        .reduce((sum, { by }) => sum + by, 0),
  }
}

/** A job that went through every status up to this one, with its recording in the object store; nothing is published. */
export async function addJob(
  { jobs, objects }: Pick<FakePorts, 'jobs' | 'objects'>,
  status: JobStatus,
  fields: Partial<NewJob> = {},
): Promise<Job> {
  const jobId = fields.jobId ?? createUuidV7(Date.now())
  const objectKey = recordingKey(fields.owner ?? 'acme', jobId, '.wav', new Date())
  let job = await jobs.create(newJob({ objectKey, ...fields, jobId }))
  await objects.putBytes(job.objectKey, toneWav({ seconds: 0.05 }), 'audio/wav')
  const before = UNFINISHED_STATUSES.slice(1, rankOf(status) + 1)
  for (const to of isTerminal(status) ? [...before, status] : before) {
    const [advanced] = await jobs.advance([changeTo(jobId, to)])
    job = advanced?.job ?? job
  }
  return job
}

/** `status progress` of each event that the log has of a job, in order. */
export function publishedSteps({ progress }: Pick<FakePorts, 'progress'>, { jobId }: Pick<Job, 'jobId'>): string[] {
  return progress.entries
    .filter(({ event }) => event.jobId === jobId)
    .map(({ event }) => `${event.status} ${event.progress}`)
}
