/** How long to wait before trying the same work again. */
export interface Backoff {
  readonly baseMs: number
  readonly maxMs: number
}

/**
 * Exponential backoff with equal jitter (Brooker 2015, "Exponential Backoff and Jitter"): half of the delay is fixed,
 * half random, so that retries spread out but never come at once.
 *
 * @param tries how often the work was tried, from 1
 * @param random a number in [0, 1)
 * @returns milliseconds, between half of and the whole `min(maxMs, baseMs · 2^(tries−1))`
 */
export function backoffMs({ baseMs, maxMs }: Backoff, tries: number, random: number): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(30, Math.max(0, tries - 1)))
  return Math.round(ceiling / 2 + (ceiling / 2) * random)
}
