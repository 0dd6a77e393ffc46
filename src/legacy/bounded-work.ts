/** Work that nobody waits for: so much at once and no more, and an end that can be waited for. */
export interface BoundedWork {
  readonly underWay: number
  /** False, and nothing is begun, while all places are taken, and once it is to settle. */
  begin(work: (signal: AbortSignal) => Promise<void>): boolean
  /** Begins nothing more, and resolves when what was begun is over; `release` breaks it off. */
  settle(release: AbortSignal): Promise<void>
}

/** `onError` is told what work rejects with. */
export function createBoundedWork(places: number, onError: (error: unknown) => void): BoundedWork {
  const running = new Set<Promise<void>>()
  const over = new AbortController()
  let isSettling = false
  return {
    get underWay() {
      return running.size
    },
    begin(work) {
      if (isSettling || running.size >= places) return false
      const run: Promise<void> = work(over.signal)
        .catch(onError)
        .finally(() => running.delete(run))
      running.add(run)
      return true
    },
    async settle(release) {
      isSettling = true
      const breakOff = (): void => over.abort(release.reason)
      if (release.aborted) breakOff()
      release.addEventListener('abort', breakOff, { once: true })
      while (running.size > 0) await Promise.all(running)
      release.removeEventListener('abort', breakOff)
    },
  }
}
