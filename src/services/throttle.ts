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
