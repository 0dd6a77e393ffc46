/** Times what one side of an exchange lets the other wait for. */
export interface WaitClock {
  /** Settles as the promise does; rejects when this wait, or all of them together, take too long. */
  wait<T>(promise: Promise<T>): Promise<T>
}

export const IDLE_MS = 30_000
export const TOTAL_MS = 300_000

export function createWaitClock({ idleMs = IDLE_MS, totalMs = TOTAL_MS } = {}): WaitClock {
  let waitedMs = 0
  return {
    wait: async (promise) => {
      const startedAt = performance.now()
      const { promise: late, reject } = Promise.withResolvers<never>()
      const boundMs = Math.max(0, Math.min(idleMs, totalMs - waitedMs))
      const timer = setTimeout(() => reject(new Error('no answer within the time allowed')), boundMs)
      try {
        return await Promise.race([promise, late])
      } finally {
        clearTimeout(timer)
        waitedMs += performance.now() - startedAt
      }
    },
  }
}
