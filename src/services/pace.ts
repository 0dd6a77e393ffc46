/**
 * How long a slow sender is waited for. Its clock runs only while somebody waits for the next bytes: the time that
 * memory, the object store or the database takes is not the sender's. Each byte earns some time to wait for more, up
 * to what there was at the beginning; when it is used up, the sender is too slow.
 */
export interface Pace {
  /** Before waiting for bytes. */
  waiting(): void
  /** When they came; 0 for the end. */
  received(bytes: number): void
}

export interface PaceRules {
  /** Longest silence that is borne. */
  readonly stallS: number
  /** What a sender must keep up on average. */
  readonly minBytesPerS: number
}

/** Calls `onTooSlow` once, when the sender's time is used up. Every `waiting()` needs its `received()`. */
export function createPace({ stallS, minBytesPerS }: PaceRules, onTooSlow: () => void): Pace {
  let creditMs = stallS * 1000
  let since = 0
  let timer: NodeJS.Timeout | undefined
  return {
    waiting() {
      since = performance.now()
      clearTimeout(timer)
      timer = setTimeout(onTooSlow, creditMs)
    },
    received(bytes) {
      clearTimeout(timer)
      const earnedMs = (1000 * bytes) / minBytesPerS
      creditMs = Math.min(stallS * 1000, Math.max(0, creditMs - (performance.now() - since)) + earnedMs)
    },
  }
}

/** For whoever is waited for without a limit of its own. */
export const ANY_PACE: Pace = { waiting() {}, received() {} }
