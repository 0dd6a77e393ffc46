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
