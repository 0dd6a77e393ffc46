/**
 * Runs at most one task per interval: the first at once; what comes before the interval is over is dropped. That suits
 * progress, where the next percentage or status says more than the one before it.
 */
export function createThrottle(intervalMs: number, now: () => number = () => performance.now()) {
  let readyAt = Number.NEGATIVE_INFINITY
  return (task: () => void): void => {
    if (now() < readyAt) return
    readyAt = now() + intervalMs
    task()
  }
}

/** For tasks of many: whether one of this key may run now. */
export type KeyedThrottle = (key: string) => boolean

/** The same for each key by itself. A key is kept for its interval; the last ones, until the next call. */
export function createKeyedThrottle(intervalMs: number, now: () => number = () => performance.now()): KeyedThrottle {
  /** When each is ready again, the next first. */
  const readyAt = new Map<string, number>()
  return (key) => {
    const nowMs = now()
    for (const [other, atMs] of readyAt) {
      if (atMs > nowMs) break
      readyAt.delete(other)
    }
    if (readyAt.has(key)) return false
    readyAt.set(key, nowMs + intervalMs)
    return true
  }
}
