/**
 * The queue close to the API, on BullMQ: it smooths bursts and survives Redis being down, because the row is the
 * record and everything here can be rebuilt from it. So no finished job is kept: adding an id that waits or runs is a
 * no-op, and one that ended runs again.
 */
import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import { createBatcher } from '../domain/batcher.ts'
import { toAppError } from '../domain/errors.ts'
import type { Priority } from '../domain/job.ts'
import type { JobQueue, Log, QueuedJob } from '../ports.ts'
import { consumeJobs, type JobWorkerOptions, type QueuedJobData } from './job-worker.ts'
import { createReadyGate } from './redis.ts'

export interface JobQueueOptions extends JobWorkerOptions {
  /** Tries before the queue lets a job go; the reconciler finds its row. Default 10. */
  readonly attempts?: number
}

/** Lower goes first. Never 0: BullMQ keeps those in another list. */
const PRIORITY: Readonly<Record<Priority, number>> = { high: 1, normal: 2, low: 3 }
const BULK_SIZE = 500
/** Uploads that end at about the same time share a round trip; one alone does not wait. */
const BATCH = { maxSize: 100, maxInFlight: 4, lingerMs: 20, enough: 3 }
/** BullMQ writes an event per step of a job; nobody here reads them. */
const EVENTS_KEPT = 10

export function createJobQueue(options: JobQueueOptions): JobQueue & { close(): Promise<void> } {
  const { connect, name, prefix, log, attempts = 10 } = options
  const redis = connect('producer')
  const whenReady = createReadyGate(redis)
  // Without both skips a queue made while Redis is down waits for it, or stays broken when it comes.
  const queue = new Queue<QueuedJobData>(name, {
    connection: redis,
    prefix,
    skipWaitingForReady: true,
    skipVersionCheck: true,
    skipMetasUpdate: true,
    defaultJobOptions: { attempts, backoff: { type: 'jittered' }, removeOnComplete: true, removeOnFail: true },
  })
  queue.on('error', (error) => log.debug({ queue: name, err: error }, 'job queue connection error'))
  const boundEvents = () =>
    queue
      .getBackend()
      .setQueueMeta({ 'opts.maxLenEvents': EVENTS_KEPT })
      .catch((error: Error) => log.debug({ queue: name, err: error }, 'queue settings not written'))
  redis.on('ready', boundEvents)
  redis.on('ready', () => warnOfEviction(redis, log))

  async function tryWith<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await whenReady(work)
    } catch (error) {
      throw toAppError(error, 'queue-unavailable')
    }
  }

  const addBulk = async (entries: readonly QueuedJob[]): Promise<void> => {
    const bulk = entries.map((entry) => toBullJob(entry))
    await tryWith(() => queue.addBulk(bulk))
  }
  const addOne = createBatcher<QueuedJob, void>({
    ...BATCH,
    run: async (entries) => {
      await addBulk(entries)
      return Array(entries.length).fill(undefined)
    },
  })

  return {
    async add(entries) {
      const [only, ...others] = entries
      if (only !== undefined && others.length === 0) return addOne(only)
      for (let i = 0; i < entries.length; i += BULK_SIZE) await addBulk(entries.slice(i, i + BULK_SIZE))
    },
    consume: (handler, consumeOptions) => consumeJobs(options, handler, consumeOptions),
    async remove(jobId, attempt) {
      // 0 is one that is not there, or that a worker holds.
      await tryWith(() => queue.remove(idOf({ jobId, attempt })))
    },
    counts: () =>
      tryWith(async () => {
        const { active = 0, ...rest } = await queue.getJobCounts('active', 'wait', 'prioritized', 'delayed')
        return { active, waiting: Object.values(rest).reduce((sum, count) => sum + count, 0) }
      }),
    async close() {
      await queue.close().catch((error: Error) => log.warn({ queue: name, err: error }, 'queue not closed'))
      redis.disconnect()
    },
  }
}

/** A Redis that evicts loses keys of the queue without a word; asked by INFO, which managed services allow. */
async function warnOfEviction(redis: Redis, log: Log): Promise<void> {
  const info = await redis.info('memory').catch(() => '')
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'noeviction'
  if (policy !== 'noeviction') log.warn({ policy }, 'redis may evict queued jobs: set maxmemory-policy to noeviction')
}

function idOf({ jobId, attempt }: Pick<QueuedJob, 'jobId' | 'attempt'>): string {
  return `${jobId}-${attempt}`
}

function toBullJob(entry: QueuedJob) {
  const { jobId, owner, attempt, priority, notBefore } = entry
  return {
    name: 'forward',
    data: { jobId, owner, attempt, priority, notBefore: notBefore?.toISOString() ?? null },
    opts: {
      jobId: idOf(entry),
      priority: PRIORITY[priority],
      // By this process's clock: a clock that is off shifts the start by as much; the row's own deadline does not move.
      ...(notBefore === null ? {} : { delay: Math.max(0, notBefore.getTime() - Date.now()) }),
    },
  }
}
