/**
 * Holds a BullMQ worker back while there is no room for what it would take, so that jobs wait in the queue, in its
 * order, and not in a process's hands.
 *
 *   shut    the worker is paused; room is asked for every `INTERVAL_MS`
 *   open    so many jobs as there was room for are let in, the last of them shuts the gate
 *   refused jobs fetched while the gate was just being shut go back before all others of their priority, in the order
 *           of their ids, which is that of their making
 *
 * While nothing is taken, nothing is asked.
 */
import type { Worker } from 'bullmq'
import { toAppError } from '../domain/errors.ts'
import type { Log } from '../ports.ts'
import { pause } from './pause.ts'

export interface JobGate {
  /** True when a job that was fetched may run; each takes a place. */
  enter(): boolean
  /** Opens and shuts the worker until the signal aborts; never rejects. */
  guard(worker: Worker, signal: AbortSignal): Promise<void>
}

/** How long an answer counts. */
const INTERVAL_MS = 250

export interface JobGateOptions {
  readonly concurrency: number
  readonly log: Log
  /** How many more jobs may start now. */
  readonly room: () => Promise<number>
}

export function createJobGate({ concurrency, log, room }: JobGateOptions): JobGate {
  let places = 0
  let entered = Promise.withResolvers<void>()
  let shut = (): void => {}

  async function ask(): Promise<number> {
    try {
      return Math.floor(await room())
    } catch (error) {
      log.debug({ code: toAppError(error).code, err: error }, 'job worker held back: no room known')
      return 0
    }
  }

  return {
    enter() {
      if (places <= 0) return false
      places -= 1
      if (places === 0) shut()
      entered.resolve()
      return true
    },
    async guard(worker, signal) {
      // Takes effect at once; what is already being fetched meets `enter`.
      shut = () => void worker.pause(true)
      const stop = Promise.withResolvers<void>()
      signal.addEventListener('abort', () => stop.resolve(), { once: true })
      while (!signal.aborted) {
        const askedAt = performance.now()
        places = await ask()
        if (signal.aborted) return
        if (places > 0) await open(worker, Math.min(concurrency, places))
        else shut()
        entered = Promise.withResolvers()
        if (places > 0) await Promise.race([entered.promise, stop.promise])
        await pause(Math.max(0, askedAt + INTERVAL_MS - performance.now()), signal)
      }
    },
  }
}

/** As many at once as there is room for: so hardly a job is fetched only to be given back. */
async function open(worker: Worker, concurrency: number): Promise<void> {
  worker.concurrency = concurrency
  await worker.resume()
}
