import { randomBytes } from 'node:crypto'
import type { LogPosition } from '../../src/domain/cursor.ts'
import { AppError } from '../../src/domain/errors.ts'
import { isTerminal, rankOf } from '../../src/domain/job.ts'
import type { ProgressEvent } from '../../src/domain/progress-event.ts'
import type { LogEntry, LogListener, ProgressLog, Published } from '../../src/ports.ts'

export interface FakeProgressLog extends ProgressLog {
  /** Everything appended since the last flush, of all owners, in order. */
  readonly entries: readonly (LogEntry & { readonly owner: string })[]
  readonly listenerCount: number
  setDown(down: boolean): void
  /** What a flush of Redis does. */
  flush(): void
  /** Remembers all, as a replica that lags; the function puts it back, as its promotion does. */
  remember(): () => void
  /** What a reconnect of the subscriber does. */
  interrupt(): void
  close(): Promise<void>
}

const PAGE_SIZE = 100

/** The progress log in memory: the same guard, epochs and gapless positions. */
export function createFakeProgressLog({ maxEntries = 20_000 }: { maxEntries?: number } = {}): FakeProgressLog {
  let logs = new Map<string, { epoch: string; seq: number; mark: string; entries: LogEntry[] }>()
  let guards = new Map<string, ProgressEvent>()
  const listeners = new Map<string, Set<LogListener>>()
  const appended: (LogEntry & { owner: string })[] = []
  let down = false

  function open(owner: string) {
    const log = logs.get(owner) ?? { epoch: randomBytes(8).toString('hex'), seq: 0, mark: '0', entries: [] }
    logs.set(owner, log)
    return log
  }

  function append(owner: string, event: LogEntry['event']): void {
    const log = open(owner)
    const follows = log.mark
    log.seq += 1
    log.mark = String(randomBytes(4).readUInt32BE())
    const entry = { epoch: log.epoch, seq: log.seq, mark: log.mark, event }
    log.entries.push(entry)
    if (log.entries.length > maxEntries) log.entries.shift()
    appended.push({ ...entry, owner })
    const heard = { ...entry, follows }
    for (const listener of listeners.get(owner) ?? []) listener.onEntry(heard)
  }

  function tell({ owner, ...event }: ProgressEvent): void {
    append(owner, event)
    guards.set(`${owner} ${event.jobId}`, { owner, ...event })
  }

  function publishOne(event: ProgressEvent, seed: ProgressEvent | undefined): Published {
    const key = `${event.owner} ${event.jobId}`
    if (guards.get(key) === undefined) {
      if (seed === undefined) return 'unknown'
      tell(seed)
      if (isSame(seed, event)) return 'appended'
    }
    const guard = guards.get(key)!
    if (!isAhead(event, guard)) return 'known'
    tell(event.attempt === guard.attempt ? notBelow(event, guard.progress) : event)
    return 'appended'
  }

  const whenUp = <T>(work: () => T) => {
    if (down) throw new AppError('progress-unavailable', 'The progress log cannot be reached')
    return work()
  }
  const headOf = (owner: string): LogPosition => {
    const { epoch, seq, mark } = open(owner)
    return { epoch, seq, mark }
  }

  return {
    entries: appended,
    get listenerCount() {
      return [...listeners.values()].reduce((sum, set) => sum + set.size, 0)
    },
    setDown(value) {
      down = value
    },
    flush() {
      logs.clear()
      guards.clear()
      appended.length = 0
    },
    remember() {
      const kept = structuredClone({ logs, guards })
      return () => {
        ;({ logs, guards } = structuredClone(kept))
      }
    },
    interrupt() {
      for (const set of listeners.values()) for (const listener of set) listener.onInterrupted()
    },
    publish: async (entries) => whenUp(() => entries.map(({ event, seed }) => publishOne(event, seed))),
    notify: async (owner, notification) => whenUp(() => append(owner, { data: JSON.stringify(notification) })),
    head: async (owner) => whenUp(() => headOf(owner)),
    read: async (owner, after) =>
      whenUp(() => {
        const { entries, seq, epoch, mark } = open(owner)
        const later = entries.filter((entry) => entry.seq > after.seq)
        const follows = after.seq === seq || later[0]?.seq === after.seq + 1
        const marks = new Map([[0, '0'], [seq, mark], ...entries.map((entry) => [entry.seq, entry.mark] as const)])
        const passed = marks.get(after.seq)
        const isSame = passed !== undefined && passed === (after.mark ?? passed)
        const complete = after.epoch === epoch && after.seq <= seq && isSame && follows
        return { head: headOf(owner), complete, entries: complete ? later.slice(0, PAGE_SIZE) : [] }
      }),
    subscribe: async (owner, listener) =>
      whenUp(() => {
        const set = listeners.get(owner) ?? new Set()
        listeners.set(owner, set.add(listener))
        return () => {
          set.delete(listener)
          if (set.size === 0 && listeners.get(owner) === set) listeners.delete(owner)
        }
      }),
    forget: async (owner, jobIds) =>
      whenUp(() => {
        logs.delete(owner)
        for (const jobId of jobIds) guards.delete(`${owner} ${jobId}`)
      }),
    check: async () => whenUp(() => undefined),
    async close() {},
  }
}

function isSame(a: ProgressEvent, b: ProgressEvent): boolean {
  return a.attempt === b.attempt && a.status === b.status && a.progress === b.progress
}

function isAhead(event: ProgressEvent, guard: ProgressEvent): boolean {
  if (event.attempt !== guard.attempt) return event.attempt > guard.attempt
  if (isTerminal(guard.status)) return false
  const [rank, reached] = [rankOf(event.status), rankOf(guard.status)]
  return rank === reached ? event.progress > guard.progress : rank > reached
}

/** A row that fails keeps its own figure, which the log may have passed. */
function notBelow(event: ProgressEvent, reached: number): ProgressEvent {
  if (event.progress >= reached) return event
  const data = event.data.replace(/"progress":\s*[\d.]+/, `"progress":${reached}`)
  return { ...event, progress: reached, data }
}
