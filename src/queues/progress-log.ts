/**
 * The progress log: one stream per owner in Redis, with gapless positions within an epoch, a guard per job, and a
 * channel that carries each new entry whole. Each entry has a random mark: a Redis that lost its last writes (a replica
 * promoted too early, a restart) would give their positions out again unnoticed. Status and progress never go back, on
 * any channel, because guard, append and publish are one script. The log is a projection: it may be lost at any time,
 * and is seeded again from the rows.
 */
import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { LogPosition } from '../domain/cursor.ts'
import { toAppError } from '../domain/errors.ts'
import { isTerminal, type JobStatus, rankOf } from '../domain/job.ts'
import type { ProgressEvent } from '../domain/progress-event.ts'
import type { Log, LogEntry, LogSlice, ProgressLog, Published } from '../ports.ts'
import { createLogSubscriber } from './log-subscriber.ts'
import { NOTIFY_SCRIPT, PUBLISH_SCRIPT, READ_SCRIPT } from './progress-log.lua.ts'
import { type ConnectRedis, createReadyGate } from './redis.ts'

export interface ProgressLogOptions {
  readonly connect: ConnectRedis
  /** Of every key and channel, such as `tonewire`. */
  readonly prefix: string
  readonly log: Log
  /** About how many entries a log keeps. Default 20,000. */
  readonly maxEntries?: number
  /** A log that is neither written nor read for this long ends. Default 1 h. */
  readonly logTtlS?: number
  /** A guard outlives its log, so that a late repeat stays known. Default 24 h. */
  readonly guardTtlS?: number
}

interface Scripts {
  publishProgress(...keysAndArgs: (string | number)[]): Promise<number>
  notifyOwner(...keysAndArgs: (string | number)[]): Promise<null>
  readProgress(...keysAndArgs: (string | number)[]): Promise<RawSlice>
}
type RawSlice = [epoch: string, seq: string, mark: string, entries: [id: string, fields: string[]][]]

const PUBLISH_AT_ONCE = 500
const PAGE_SIZE = 100
const OUTCOMES: Readonly<Record<number, Published>> = { 1: 'appended', 0: 'known', [-1]: 'unknown' }

export function createProgressLog(options: ProgressLogOptions): ProgressLog & { close(): Promise<void> } {
  const { connect, prefix, log, maxEntries = 20_000, logTtlS = 3600, guardTtlS = 86_400 } = options
  const redis = withScripts(connect('commands'))
  const whenReady = createReadyGate(redis)
  const subscriber = createLogSubscriber({ connect, log })
  const readMessage = createMessageReader()

  const tryWith = <T>(work: () => Promise<T>): Promise<T> => tryAs(() => whenReady(work))

  async function publishOne({ event, seed }: { event: ProgressEvent; seed?: ProgressEvent }): Promise<Published> {
    const keys = keysOf(prefix, event.owner)
    const outcome = await redis.publishProgress(
      ...[keys.entries, keys.head, keys.guard(event.jobId)],
      ...[...newEpochAndMark(), keys.channel, maxEntries, logTtlS, guardTtlS],
      ...[event.jobId, ...toArgs(event), ...(seed === undefined ? [] : toArgs(seed))],
    )
    return OUTCOMES[outcome] ?? 'unknown'
  }

  async function readPage(owner: string, after: LogPosition): Promise<LogSlice> {
    const { entries, head } = keysOf(prefix, owner)
    return toSlice(
      await redis.readProgress(entries, head, newEpochAndMark()[0], logTtlS, after.epoch, after.seq, PAGE_SIZE),
      after,
    )
  }

  return {
    async publish(entries) {
      const published: Published[] = []
      for (let i = 0; i < entries.length; i += PUBLISH_AT_ONCE) {
        const some = entries.slice(i, i + PUBLISH_AT_ONCE)
        published.push(...(await tryWith(() => allOrFirstError(some.map(publishOne)))))
      }
      return published
    },
    async notify(owner, notification) {
      const { entries, head, channel } = keysOf(prefix, owner)
      const place = [entries, head, ...newEpochAndMark(), channel, maxEntries, logTtlS]
      await tryWith(() => redis.notifyOwner(...place, JSON.stringify(notification)))
    },
    head: (owner) => tryWith(async () => (await readPage(owner, { epoch: '', seq: 0 })).head),
    read: (owner, after) => tryWith(() => readPage(owner, after)),
    subscribe: (owner, listener) =>
      tryAs(() =>
        subscriber.subscribe(keysOf(prefix, owner).channel, {
          onMessage: (message) => listener.onEntry(readMessage(message)),
          onInterrupted: () => listener.onInterrupted(),
        }),
      ),
    forget: (owner, jobIds) => tryWith(() => redis.unlink(...keysOf(prefix, owner).all(jobIds)).then(() => {})),
    // A Redis that is out of memory, or a replica, answers a PING: only a write tells. It goes by itself.
    check: () => tryWith(() => redis.set(`${prefix}:check`, '1', 'PX', 1000).then(() => {})),
    async close() {
      subscriber.close()
      redis.disconnect()
    },
  }
}

function withScripts(redis: Redis): Redis & Scripts {
  redis.defineCommand('publishProgress', { numberOfKeys: 3, lua: PUBLISH_SCRIPT })
  redis.defineCommand('notifyOwner', { numberOfKeys: 2, lua: NOTIFY_SCRIPT })
  redis.defineCommand('readProgress', { numberOfKeys: 2, lua: READ_SCRIPT })
  return redis as Redis & Scripts
}

async function tryAs<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toAppError(error, 'progress-unavailable')
  }
}

/** Waits for all, so that no rejection goes unseen, then throws the first error if there is one. */
async function allOrFirstError<T>(works: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(works)
  return Promise.all(works)
}

/** The mark before the first entry. */
const NO_MARK = '0'

function toSlice([epoch, lastSeq, mark, raw]: RawSlice, after: LogPosition): LogSlice {
  const head = { epoch, seq: Number(lastSeq), mark }
  const kept = raw.map(([id, fields]) => toEntry(epoch, id, fields))
  const passed = passedOf(head, kept, after)
  const entries = passed === kept[0] ? kept.slice(1) : kept.slice(0, PAGE_SIZE)
  const isSame = passed !== undefined && (after.mark === undefined || after.mark === passed.mark)
  const follows = after.seq === head.seq || entries[0]?.seq === after.seq + 1
  const complete = after.epoch === epoch && after.seq <= head.seq && isSame && follows
  return { head, complete, entries: complete ? entries : [] }
}

/** What the log has at the position that a reader has passed. */
function passedOf(head: LogPosition, kept: readonly LogEntry[], after: LogPosition): LogPosition | undefined {
  if (after.seq === head.seq) return head
  if (after.seq === 0) return { ...after, mark: NO_MARK }
  return kept[0]?.seq === after.seq ? kept[0] : undefined
}

function toEntry(epoch: string, id: string, fields: readonly string[]): LogEntry {
  const [seq, mark = NO_MARK] = id.split('-')
  const [kind, first = '', , attempt, , status, , progress, , data = ''] = fields
  const event = kind === NOTIFICATION ? { data: first } : toStep(first, attempt, status, progress, data)
  return { epoch, seq: Number(seq), mark, event }
}

function toStep(jobId: string, attempt?: string, status?: string, progress?: string, data = '') {
  return { jobId, attempt: Number(attempt), status: status as JobStatus, progress: Number(progress), data }
}

const NOTIFICATION = 'notification'
const MESSAGE = /^(\S+) (\d+) (\d+) (\d+) (\S+) (.*)$/s
const STEP = /^(\d+) (\S+) (\S+) (.*)$/s

/** All listeners of an owner get the same entry, read once: a follower can keep what it made of it. */
function createMessageReader(): (message: string) => LogEntry {
  let last: { message: string; entry: LogEntry } | undefined
  return (message) => {
    if (last?.message !== message) last = { message, entry: parseMessage(message) }
    return last.entry
  }
}

function parseMessage(message: string): LogEntry {
  const [, epoch = '', seq, mark = NO_MARK, follows = NO_MARK, kind = '', rest = ''] = MESSAGE.exec(message) ?? []
  const [, attempt, status, progress, data] = STEP.exec(rest) ?? []
  const event = kind === NOTIFICATION ? { data: rest } : toStep(kind, attempt, status, progress, data)
  return { epoch, seq: Number(seq), mark, follows, event }
}

function toArgs({ attempt, status, progress, data }: ProgressEvent): (string | number)[] {
  return [attempt, status, rankOf(status), progress, isTerminal(status) ? 1 : 0, data]
}

function keysOf(prefix: string, owner: string) {
  const log = `${prefix}:log:{${encodeURIComponent(owner)}}`
  const [entries, head] = [`${log}:entries`, `${log}:head`]
  const guard = (jobId: string) => `${log}:job:${jobId}`
  const all = (jobIds: readonly string[]) => [entries, head, ...jobIds.map(guard)]
  return { entries, head, channel: `${log}:live`, guard, all }
}

/** Of the random bits that Node makes in store: 62 for the epoch of a log that begins, 32 for the mark of an entry. */
function newEpochAndMark(): [epoch: string, mark: number] {
  const random = randomUUID()
  return [random.slice(19).replace('-', ''), Number.parseInt(random.slice(0, 8), 16)]
}
