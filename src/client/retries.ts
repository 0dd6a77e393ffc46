/** What to try again, and when. */
import { type CallOptions, TonewireError } from './wire.ts'

export const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 30_000

/** What may well go when tried again: no answer at all, 429, 503, and a twin of this upload still under way. */
export function passes(error: unknown): boolean {
  if (!(error instanceof TonewireError)) return error instanceof TypeError
  return [429, 502, 503, 504].includes(error.status) || error.code === 'idempotency-busy'
}

/** As long as the server says; else twice as long each time, spread. */
export function waitAfter(error: unknown, failures: number, firstMs = FIRST_WAIT_MS): number {
  if (error instanceof TonewireError && error.retryAfterMs !== undefined) return error.retryAfterMs
  return Math.min(LONGEST_WAIT_MS, firstMs * 2 ** (failures - 1)) * (0.5 + Math.random() / 2)
}

/** Rejects with the signal's reason as soon as it aborts. */
export function wait(ms: number, cause: unknown, { signal, onRetry }: CallOptions): Promise<void> {
  onRetry?.(cause, ms)
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}

export function withSignal(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}
