import { AppError, isFinal } from '../../src/domain/errors.ts'
import type { JobQueue, QueuedJob, Room } from '../../src/ports.ts'
import { createWake } from './wake.ts'

export interface FakeJobQueue extends JobQueue {
  /** What waits now, in the order it will run. */
  readonly waiting: readonly QueuedJob[]
  /** An outage, and its end. */
  setDown(down: boolean): void
  /** What a flush of Redis does. */
  flush(): void
  close(): Promise<void>
}

interface Item {
  readonly entry: QueuedJob
  tries: number
  active: boolean
}

const ORDER = { high: 0, normal: 1, low: 2 }

const ROOM_INTERVAL_MS = 20

const NO_ROOM: Room = { places: 0, placesOf: () => 0 }
const ANY_ROOM: Room = { places: Number.POSITIVE_INFINITY, placesOf: () => Number.POSITIVE_INFINITY }

/** The job queue in memory; failed work is tried again at once. */
export function createFakeJobQueue({ attempts = 10 }: { attempts?: number } = {}): FakeJobQueue {
  const items = new Map<string, Item>()
  const change = createWake()
  let down = false

  function waiting(): Item[] {
    return [...items.values()]
      .filter((item) => !item.active)
      .sort((a, b) => ORDER[a.entry.priority] - ORDER[b.entry.priority])
  }

  function next(mayStart: (entry: QueuedJob) => boolean): Item | undefined {
    const now = Date.now()
    if (down) return undefined
    return waiting().find(({ entry }) => (entry.notBefore?.getTime() ?? 0) <= now && mayStart(entry))
  }

  /** A timer may fire a moment early; then it is set again, or nobody would wake for the job. */
  function wakeAt(timeMs: number): void {
    const waitMs = timeMs - Date.now()
    if (waitMs > 0) setTimeout(() => wakeAt(timeMs), waitMs).unref()
    else change.wake()
  }

  async function run(id: string, item: Item, handler: (entry: QueuedJob) => Promise<void>, release?: AbortSignal) {
    item.active = true
    item.tries += 1
    const released = Promise.withResolvers<'released'>()
    release?.addEventListener('abort', () => released.resolve('released'), { once: true })
    if (release?.aborted) released.resolve('released')
    try {
      if ((await Promise.race([handler(item.entry), released.promise])) === 'released') item.tries -= 1
      else items.delete(id)
    } catch (error) {
      if (isFinal(error) || item.tries >= attempts) items.delete(id)
    }
    item.active = false
    change.wake()
  }

  return {
    get waiting() {
      return waiting().map(({ entry }) => entry)
    },
    setDown(value) {
      down = value
      change.wake()
    },
    flush: () => items.clear(),
    async add(entries) {
      if (down) throw new AppError('queue-unavailable', 'The queue cannot be reached')
      for (const entry of entries) {
        const id = `${entry.jobId}-${entry.attempt}`
        if (!items.has(id)) items.set(id, { entry, tries: 0, active: false })
        wakeAt(entry.notBefore?.getTime() ?? 0)
      }
      change.wake()
    },
    async remove(jobId, attempt) {
      if (down) throw new AppError('queue-unavailable', 'The queue cannot be reached')
      const id = `${jobId}-${attempt}`
      if (items.get(id)?.active === false) items.delete(id)
    },
    async consume(handler, { concurrency, signal, release, room }) {
      const running = new Set<Promise<void>>()
      while (!signal.aborted) {
        const { places, placesOf } = (await room?.().catch(() => NO_ROOM)) ?? ANY_ROOM
        const mayTake = running.size < concurrency && places > 0
        const item = mayTake ? next(({ owner }) => placesOf(owner) > 0) : undefined
        if (item === undefined) {
          if (room !== undefined && waiting().length > 0) setTimeout(change.wake, ROOM_INTERVAL_MS).unref()
          await change.wait(signal)
          continue
        }
        const id = `${item.entry.jobId}-${item.entry.attempt}`
        const work: Promise<void> = run(id, item, handler, release).finally(() => running.delete(work))
        running.add(work)
      }
      await Promise.all(running)
    },
    async counts() {
      if (down) throw new AppError('queue-unavailable', 'The queue cannot be reached')
      const inactive = waiting().length
      return { waiting: inactive, active: items.size - inactive }
    },
    async close() {},
  }
}
