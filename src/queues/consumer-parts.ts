/** Parts of a consumer: how much it may hold, when it may receive, and how it bears an outage. */
import { type Backoff, backoffMs } from '../domain/retry.ts'
import type { Log } from '../ports.ts'
import { pause, unlessAborted } from './pause.ts'

export interface Slots {
  /** Takes between 1 and `most` free slots as soon as there are any; 0 when the signal aborts first. */
  take(most: number, signal: AbortSignal): Promise<number>
  give(count: number): void
}

export function createSlots(total: number): Slots {
  let free = total
  let changed = Promise.withResolvers<void>()
  return {
    async take(most, signal) {
      const wake = () => changed.resolve()
      signal.addEventListener('abort', wake, { once: true })
      while (free === 0 && !signal.aborted) await changed.promise
      signal.removeEventListener('abort', wake)
      if (signal.aborted) return 0
      const taken = Math.min(free, most)
      free -= taken
      return taken
    },
    give(count) {
      free += count
      changed.resolve()
      changed = Promise.withResolvers()
    },
  }
}

export interface Gate {
  /** Closes until the probe resolves. */
  shut(): void
  /** True when open; false when the signal aborted first. */
  whenOpen(): Promise<boolean>
}

const PROBE_BACKOFF = { baseMs: 100, maxMs: 5000 }

/** Closed while what the handlers depend on is away, so that an outage uses up no receives. */
export function createGate(probe: (() => Promise<void>) | undefined, signal: AbortSignal, log: Log): Gate {
  let opening: Promise<void> | undefined

  async function probeUntilOpen(isUp: () => Promise<void>): Promise<void> {
    for (let tries = 1; !signal.aborted; tries += 1) {
      try {
        // A probe that hangs must not keep a stop waiting.
        await unlessAborted(isUp(), signal)
        if (signal.aborted) return
        if (tries > 1) log.info({ tries }, 'dependency answers again, receiving')
        return
      } catch (error) {
        if (tries === 1) log.warn({ err: error }, 'dependency does not answer, receiving nothing')
        await pause(backoffMs(PROBE_BACKOFF, tries, Math.random()), signal)
      }
    }
  }

  return {
    shut() {
      if (probe === undefined) return
      opening ??= probeUntilOpen(probe).finally(() => {
        opening = undefined
      })
    },
    async whenOpen() {
      while (opening !== undefined) await opening
      return !signal.aborted
    },
  }
}

export interface Outage {
  /** Tells of a failure and waits before the next try. */
  failed(error: unknown): Promise<void>
  ended(): void
}

/** Logs an outage once, however many tries it takes, and paces the tries. */
export function createOutage(fields: object, backoff: Backoff, signal: AbortSignal, log: Log): Outage {
  let failures = 0
  return {
    async failed(error) {
      failures += 1
      if (failures === 1) log.warn({ ...fields, err: error }, 'queue cannot be reached')
      await pause(backoffMs(backoff, failures, Math.random()), signal)
    },
    ended() {
      if (failures > 0) log.info({ ...fields, failures }, 'queue can be reached again')
      failures = 0
    },
  }
}
