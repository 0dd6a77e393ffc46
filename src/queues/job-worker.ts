/**
 * A BullMQ worker that runs until it is told to stop. Work held at that moment is finished, or given back without
 * using up a try when `release` aborts. Redis being away never keeps it from stopping.
 */
import { DelayedError, type Job, UnrecoverableError, WaitingError, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import { toAppError } from '../domain/errors.ts'
import type { Priority } from '../domain/job.ts'
import { type Backoff, backoffMs } from '../domain/retry.ts'
import type { ConsumeOptions, Log, QueuedJob, Room } from '../ports.ts'
import { createJobGate, type JobGate } from './job-gate.ts'
import { aborted, endsWithin } from './pause.ts'
import type { ConnectRedis } from './redis.ts'

export interface JobWorkerOptions {
  readonly connect: ConnectRedis
  readonly name: string
  /** Key prefix; in a hash tag, so that a cluster keeps the queue in one slot. */
  readonly prefix: string
  readonly log: Log
  /** Delay before the next try. Default 1 s doubling to 60 s. */
  readonly backoff?: Backoff
  /** A worker that does not renew its lock for this long has died, and its jobs wait again. Default 10 s. */
  readonly lockDurationMs?: number
}

/** What a BullMQ job carries. */
export interface QueuedJobData {
  readonly jobId: string
  /** Missing in what an earlier release has added: such jobs count as one owner's. */
  readonly owner?: string
  readonly attempt: number
  readonly priority: Priority
  readonly notBefore: string | null
}

const CLOSE_GRACE_MS = 1500
const RELEASED = Symbol('released')
type Release = () => void

export async function consumeJobs(
  options: JobWorkerOptions,
  handler: (entry: QueuedJob) => Promise<void>,
  { concurrency, signal, release, room }: ConsumeOptions & { readonly room?: () => Promise<Room> },
): Promise<void> {
  if (signal.aborted) return
  const { name, prefix, log, connect, lockDurationMs = 10_000, backoff = { baseMs: 1000, maxMs: 60_000 } } = options
  const held = new Set<Release>()
  const gate = room && createJobGate({ concurrency, log, room })
  const connection = connect('worker')
  const blocking: Redis[] = []
  const duplicate = connection.duplicate.bind(connection)
  connection.duplicate = (override) => {
    const copy = duplicate(override)
    blocking.push(copy)
    return copy
  }
  const worker = new Worker<QueuedJobData>(name, (job, token) => work(job, token, handler, held, release, gate), {
    connection,
    prefix,
    concurrency,
    autorun: gate === undefined,
    lockDuration: lockDurationMs,
    stalledInterval: lockDurationMs,
    // A stall is a killed or frozen worker, not the job's fault: it never ends one.
    maxStalledCount: 1_000_000,
    runRetryDelay: 1000,
    settings: { backoffStrategy: (tries = 1) => backoffMs(backoff, tries, Math.random()) },
  })
  observe(worker, name, log, connection)
  const releaseAll = () => {
    for (const giveBack of held) giveBack()
  }
  release?.addEventListener('abort', releaseAll, { once: true })
  await Promise.all([aborted(signal), gate?.guard(worker, signal)])
  await closeWorker(worker, { held, release }, [connection, ...blocking], log)
  release?.removeEventListener('abort', releaseAll)
  connection.disconnect()
}

async function work(
  job: Job<QueuedJobData>,
  token: string | undefined,
  handler: (entry: QueuedJob) => Promise<void>,
  held: Set<Release>,
  release: AbortSignal | undefined,
  gate: JobGate | undefined,
): Promise<void> {
  const entry = toQueuedJob(job.data)
  if (gate !== undefined) await pass(gate, entry.owner, job, token)
  const outcome = Promise.withResolvers<void>()
  const giveBack = () => outcome.reject(RELEASED)
  held.add(giveBack)
  if (release?.aborted) giveBack()
  else handler(entry).then(outcome.resolve, outcome.reject)
  try {
    await outcome.promise
  } catch (error) {
    if (error !== RELEASED) throw toBullError(error)
    await job.moveToWait(token)
    throw new WaitingError()
  } finally {
    held.delete(giveBack)
  }
}

/** Throws what BullMQ takes for "neither done nor failed" when the job may not run now. */
async function pass(gate: JobGate, owner: string, job: Job<QueuedJobData>, token: string | undefined): Promise<void> {
  const answer = gate.enter(owner, job)
  if (answer === 'in') return
  if (answer === 'full') {
    await job.moveToWait(token)
    throw new WaitingError()
  }
  await gate.hold(owner, job, token)
  throw new DelayedError()
}

/** Without an `error` listener an EventEmitter throws: a lost connection would end the process. */
function observe(worker: Worker<QueuedJobData>, queue: string, log: Log, connection: Redis): void {
  let told = ''
  worker.on('error', (error) => {
    // A lost connection is logged once, by the connection itself; BullMQ tells of every attempt to mend it. A Redis
    // that takes no writes refuses many times a second, and says the same each time.
    const level = connection.status === 'ready' && error.message !== told ? 'warn' : 'debug'
    told = error.message
    log[level]({ queue, err: error }, 'job worker error')
  })
  worker.on('completed', () => {
    told = ''
  })
  worker.on('stalled', (id) => log.warn({ queue, id }, 'queued job stalled and waits again'))
  worker.on('failed', (job, error) => {
    const { jobId, attempt } = job?.data ?? {}
    const tries = job?.attemptsMade ?? 0
    const again = error.name !== 'UnrecoverableError' && tries < (job?.opts.attempts ?? 1)
    log.warn({ queue, jobId, attempt, tries, again, err: error }, 'queued job not done')
  })
}

/** What is held may take until `release`; then Redis has a moment to take it back. */
async function closeWorker(
  worker: Worker,
  { held, release }: { held: ReadonlySet<Release>; release: AbortSignal | undefined },
  connections: readonly Redis[],
  log: Log,
): Promise<void> {
  const closing = worker.close()
  do if (await endsWithin(closing, CLOSE_GRACE_MS)) return
  while (held.size > 0 && !release?.aborted)
  log.warn({ queue: worker.name }, 'job worker closed without redis')
  for (const connection of connections) endConnection(connection)
  await endsWithin(closing, CLOSE_GRACE_MS)
}

/**
 * Ends a connection for good, with every command that waits in it. `disconnect()` alone leaves one that is between two
 * attempts as it is: no event, and its commands wait for ever (bullmq #4585). One last attempt ends it properly.
 */
function endConnection(connection: Redis): void {
  connection.options.retryStrategy = () => null
  if (connection.status === 'ready') connection.disconnect()
  else connection.connect().catch(() => undefined)
}

function toQueuedJob(data: QueuedJobData): QueuedJob {
  return { ...data, owner: data.owner ?? '', notBefore: data.notBefore === null ? null : new Date(data.notBefore) }
}

/** The error as BullMQ has to see it: a final one is not tried again. */
function toBullError(error: unknown): Error {
  const appError = toAppError(error)
  if (appError.retry === 'later') return appError
  return Object.assign(new UnrecoverableError(appError.message), { cause: appError })
}
