/**
 * The database's clock as this process reckons it, so that times noted by machines whose clocks disagree stand in one
 * order. Reckoned from this process's monotonic clock, so it never runs back but when the server's own was set.
 */

export interface ServerClock {
  /** False before anything was learned. */
  isKnown(): boolean
  /** What the server's clock showed (Unix milliseconds) at some moment between two of ours (`performance.now()`). */
  learn(sentMs: number, serverMs: number, receivedMs: number): void
  /** The server's time at a moment of ours; only once it is known. */
  at(monotonicMs: number): Date
}

/** Below it a difference is drift, and following it would only disturb the order. */
const STEP_MS = 50

export function createServerClock(): ServerClock {
  let known: { offsetMs: number; errorMs: number } | undefined
  let isFirst = true
  return {
    isKnown: () => known !== undefined,
    learn(sentMs, serverMs, receivedMs) {
      const found = { offsetMs: serverMs - (sentMs + receivedMs) / 2, errorMs: (receivedMs - sentMs) / 2 }
      const apartMs = Math.abs(found.offsetMs - (known?.offsetMs ?? 0))
      // The first look also opened a connection; the second is the better one, and nothing has been told by then.
      const better = isFirst || apartMs > STEP_MS + found.errorMs + (known?.errorMs ?? 0)
      if (known === undefined || better) {
        isFirst = known === undefined
        known = found
      }
    },
    at: (monotonicMs) => new Date(monotonicMs + (known?.offsetMs ?? 0)),
  }
}
