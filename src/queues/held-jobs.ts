/**
 * Jobs out of the way because their owner has no place left: BullMQ's delayed jobs, with this memory of them, so that
 * they are called back as soon as places are free and not when their delay ends.
 *
 *   held    delayed, for `returnMs`; nothing is asked of Redis meanwhile
 *   called  behind what waits already, the oldest first, one command each, as many as their owner has places: who
 *           waits behind a long backlog is reached when that is held, and not after what is called from it
 *
 * The memory may be lost with the process: then the delay ends by itself. It grows with how many are held, so that a
 * long backlog comes back, and is held again, at no more than `RETURNS_PER_S`.
 */
import type { Log } from '../ports.ts'

export interface HeldJob {
  /** `<jobId>-<attempt>`; ids are in the order of their making. */
  readonly id?: string | undefined
  /** Lower goes first. */
  readonly priority: number
  promote(): Promise<void>
}

export interface HeldJobs {
  readonly size: number
  /** How long the next one is to be delayed, in milliseconds. */
  returnMs(): number
  /** Remembers a job from the moment its delay is asked for: it holds the younger up, and is called once it is delayed. */
  add(owner: string, job: HeldJob, delayed?: Promise<unknown>): void
  /** The job is here, whether it was called or its delay has ended. */
  arrive(owner: string, job: HeldJob): void
  /** True when one of its owner that goes first, older or of a higher priority, is held or on its way. */
  isBehind(owner: string, job: HeldJob): boolean
  /** Calls back as many of each owner as it has places; never rejects: who cannot be called comes back by its delay. */
  call(placesOf: (owner: string) => number): Promise<void>
  /** Calls back all, once those on their way out are delayed; never rejects. */
  callAll(): Promise<void>
}

const RETURN_MS = 10_000
const RETURNS_PER_S = 25
/** Beyond that jobs are delayed all the same, and come back by their delay alone. */
const MOST = 20_000
const CALLS_AT_ONCE = 100
/** Who was called and has not come by then was taken by another process, or is gone. */
const CALLED_MS = 2000
const BOUNDLESS = (): number => Number.POSITIVE_INFINITY
/** Behind every key. */
const LAST = '~'

interface Entry {
  readonly key: string
  readonly job: HeldJob
  /** Its delay, until it has begun. */
  leaving: Promise<unknown> | undefined
}

export function createHeldJobs(log: Log): HeldJobs {
  /** In their order. */
  const owners = new Map<string, Entry[]>()
  const called = createCalled()
  let size = 0

  function take(owner: string, entries: Entry[], index: number, count: number): Entry[] {
    const taken = entries.splice(index, count)
    size -= taken.length
    if (entries.length === 0) owners.delete(owner)
    return taken
  }

  function due(placesOf: (owner: string) => number): Entry[] {
    return [...owners].flatMap(([owner, entries]) => {
      const free = Math.max(0, placesOf(owner) - called.of(owner).size)
      const taken = take(owner, entries, 0, Math.min(free, delayedOf(entries)))
      called.add(owner, taken)
      return taken
    })
  }

  function remove(owner: string, key: string): void {
    const entries = owners.get(owner) ?? []
    const index = placeOf(entries, key)
    if (entries[index]?.key === key) take(owner, entries, index, 1)
  }

  return {
    get size() {
      return size
    },
    returnMs: () => RETURN_MS + Math.round((size * 1000) / RETURNS_PER_S),
    add(owner, job, delayed) {
      if (size >= MOST) return
      const entries = owners.get(owner) ?? []
      owners.set(owner, entries)
      const entry: Entry = { key: keyOf(job), job, leaving: delayed }
      const index = placeOf(entries, entry.key)
      if (entries[index]?.key === entry.key) return
      entries.splice(index, 0, entry)
      size += 1
      // Who awaits the delay is told of its failure; here the job is only not held then.
      const drop = () => remove(owner, entry.key)
      delayed?.then(() => Object.assign(entry, { leaving: undefined }), drop)
    },
    arrive(owner, job) {
      called.arrive(owner, keyOf(job))
      remove(owner, keyOf(job))
    },
    isBehind(owner, job) {
      const [first = LAST] = called.of(owner).keys()
      return first < keyOf(job) || (owners.get(owner)?.[0]?.key ?? LAST) < keyOf(job)
    },
    call: (placesOf) => callBack(due(placesOf), log),
    async callAll() {
      await Promise.allSettled([...owners.values()].flat().map(({ leaving }) => leaving))
      await callBack(due(BOUNDLESS), log)
    },
  }
}

/** How many of the first may be called: whoever is still on its way out cannot, and those behind it go after it. */
function delayedOf(entries: readonly Entry[]): number {
  const index = entries.findIndex(({ leaving }) => leaving !== undefined)
  return index === -1 ? entries.length : index
}

async function callBack(entries: readonly Entry[], log: Log): Promise<void> {
  for (let i = 0; i < entries.length; i += CALLS_AT_ONCE) {
    await Promise.all(entries.slice(i, i + CALLS_AT_ONCE).map(({ job }) => promote(job, log)))
  }
}

/** One that was taken out meanwhile, or whose delay has ended, cannot be called: it is where it belongs. */
async function promote(job: HeldJob, log: Log): Promise<void> {
  try {
    await job.promote()
  } catch (error) {
    log.debug({ id: job.id, err: error }, 'held job not called back')
  }
}

/** Who is on the way: by owner and key, until when they are waited for. */
function createCalled() {
  const owners = new Map<string, Map<string, number>>()
  return {
    of(owner: string): ReadonlyMap<string, number> {
      const keys = owners.get(owner) ?? new Map<string, number>()
      for (const [key, until] of keys) {
        if (until >= performance.now()) break
        keys.delete(key)
      }
      if (keys.size === 0) owners.delete(owner)
      return keys
    },
    add(owner: string, entries: readonly Entry[]): void {
      const keys = owners.get(owner) ?? new Map<string, number>()
      for (const { key } of entries) keys.set(key, performance.now() + CALLED_MS)
      if (keys.size > 0) owners.set(owner, keys)
    },
    /** They come in the order they were called in: who was called before it is with another process. */
    arrive(owner: string, arrived: string): void {
      const keys = owners.get(owner)
      if (keys?.has(arrived)) for (const key of keys.keys()) if (keys.delete(key) && key === arrived) return
    },
  }
}

function keyOf({ priority, id }: HeldJob): string {
  return `${priority} ${id}`
}

/** Where the key is, or belongs. */
function placeOf(entries: readonly Entry[], key: string): number {
  let [low, high] = [0, entries.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (entries[middle]!.key < key) low = middle + 1
    else high = middle
  }
  return low
}
