/**
 * Holds a BullMQ worker back while there is no room for what it would take, so that jobs wait in the queue, in its
 * order, and not in a process's hands.
 *
 *   shut    the worker is paused; room is asked for every `INTERVAL_MS`
 *   open    so many jobs as there was room for are let in, the last of them shuts the gate
 *   full    jobs fetched while the gate was just being shut go back before all others of their priority, in the order
 *           of their ids, which is that of their making
 *   over    jobs of an owner without a place go out of the others' way until it has one
 *
 * While nothing is taken and nothing held, nothing is asked.
 */
import type { Job, Worker } from 'bullmq'
import { toAppError } from '../domain/errors.ts'
import type { Log, Room } from '../ports.ts'
import { createHeldJobs, type HeldJob } from './held-jobs.ts'
import { endsWithin, pause, unlessAborted } from './pause.ts'

export interface JobGate {
  /** `in`: a job that was fetched may run, and takes a place. `full`: nobody may. `over`: none of its owner may. */
  enter(owner: string, job: HeldJob): 'in' | 'full' | 'over'
  /** Takes a job out of the way that was `over`; it uses up no attempt, and is back when its owner has a place. */
  hold(owner: string, job: Job, token: string | undefined): Promise<void>
  /** Opens and shuts the worker until the signal aborts; never rejects. What it holds then is anybody's. */
  guard(worker: Worker, signal: AbortSignal): Promise<void>
}

/** How long an answer counts. */
const INTERVAL_MS = 250
const CALL_ALL_MS = 1500

export interface JobGateOptions {
  readonly concurrency: number
  readonly log: Log
  /** How many more jobs may start now. */
  readonly room: () => Promise<Room>
}

const NO_ROOM: Room = { places: 0, placesOf: () => 0 }

export function createJobGate({ concurrency, log, room }: JobGateOptions): JobGate {
  const held = createHeldJobs(log)
  let answer = NO_ROOM
  let places = 0
  let taken = new Map<string, number>()
  let stirred = Promise.withResolvers<void>()
  let shut = (): void => {}

  const placesOf = (owner: string): number => Math.floor(answer.placesOf(owner)) - (taken.get(owner) ?? 0)

  async function ask(signal: AbortSignal): Promise<void> {
    answer = await tryAsk(room, signal, log)
    places = Math.floor(answer.places)
    taken = new Map()
  }

  const call = () => held.call((owner) => Math.min(places, placesOf(owner)))

  return {
    enter(owner, job) {
      if (places <= 0) return 'full'
      held.arrive(owner, job)
      if (placesOf(owner) <= 0 || held.isBehind(owner, job)) return 'over'
      taken.set(owner, (taken.get(owner) ?? 0) + 1)
      places -= 1
      if (places === 0) shut()
      stirred.resolve()
      return 'in'
    },
    async hold(owner, job, token) {
      const delayed = job.moveToDelayed(Date.now() + held.returnMs(), token)
      held.add(owner, job, delayed)
      await delayed
      stirred.resolve()
    },
    async guard(worker, signal) {
      // Takes effect at once; what is already being fetched meets `enter`.
      shut = () => void worker.pause(true)
      const stop = Promise.withResolvers<void>()
      signal.addEventListener('abort', () => stop.resolve(), { once: true })
      while (!signal.aborted) {
        const askedAt = performance.now()
        await ask(signal)
        if (places > 0) await unlessAborted(call(), signal)
        if (signal.aborted) break
        if (places > 0) await open(worker, Math.min(concurrency, places))
        else shut()
        stirred = Promise.withResolvers()
        if (places > 0 && held.size === 0) await Promise.race([stirred.promise, stop.promise])
        await pause(Math.max(0, askedAt + INTERVAL_MS - performance.now()), signal)
      }
      places = 0
      shut()
      await endsWithin(held.callAll(), CALL_ALL_MS)
    },
  }
}

/** What is asked may hang, and must not keep a stop waiting. */
async function tryAsk(room: () => Promise<Room>, signal: AbortSignal, log: Log): Promise<Room> {
  try {
    return (await unlessAborted(room(), signal)) ?? NO_ROOM
  } catch (error) {
    log.debug({ code: toAppError(error).code, err: error }, 'job worker held back: no room known')
    return NO_ROOM
  }
}

/** As many at once as there is room for: so hardly a job is fetched only to be given back. */
async function open(worker: Worker, concurrency: number): Promise<void> {
  worker.concurrency = concurrency
  await worker.resume()
}
