import { setTimeout as delay } from 'node:timers/promises'

/** What the work resolves with, or undefined when that takes longer. Throws what the work throws by then. */
export async function within<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  const over = new AbortController()
  const late = delay(ms, undefined, { signal: over.signal }).catch(() => undefined)
  try {
    return await Promise.race([work, late])
  } finally {
    over.abort()
  }
}
