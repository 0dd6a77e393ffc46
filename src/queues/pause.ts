import { setTimeout as delay } from 'node:timers/promises'

/** Waits, or returns early when the signal aborts; it never rejects. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return
  await delay(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** What the work resolves with, or undefined when the signal aborts first. Throws what the work throws by then. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const over = Promise.withResolvers<undefined>()
  const stop = () => over.resolve(undefined)
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([over.promise, work])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Waits for the work, but only so long; says whether it ended. Throws what the work throws. */
export async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const late = new AbortController()
  const ended = work.then(() => true)
  try {
    return await Promise.race([ended, pause(ms, late.signal).then(() => false)])
  } finally {
    late.abort()
  }
}
