/**
 * Runs at most one task per interval: the first at once, of the later ones only the newest, at the interval's end.
 * Nothing is kept running for it: a task that was held back is dropped when nothing follows, which suits progress,
 * where the next status says more than the percentage before it.
 */
export function createThrottle(intervalMs: number, now: () => number = () => performance.now()) {
  let readyAt = Number.NEGATIVE_INFINITY
  return (task: () => void): void => {
    if (now() < readyAt) return
    readyAt = now() + intervalMs
    task()
  }
}
