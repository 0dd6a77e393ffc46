/** Collects what happens, and lets a test wait for it. */
export interface Arrivals<T> {
  readonly items: readonly T[]
  add(item: T): void
  /** Resolves when there are so many items, or when some item fits. */
  until(wanted: number | ((item: T) => boolean)): Promise<readonly T[]>
}

export function createArrivals<T>(): Arrivals<T> {
  const items: T[] = []
  const waiting = new Set<() => void>()
  return {
    items,
    add(item) {
      items.push(item)
      for (const check of waiting) check()
    },
    until(wanted) {
      const { promise, resolve } = Promise.withResolvers<readonly T[]>()
      const check = () => {
        if (typeof wanted === 'number' ? items.length < wanted : !items.some(wanted)) return
        waiting.delete(check)
        resolve(items)
      }
      waiting.add(check)
      check()
      return promise
    },
  }
}

/** Runs a consumer until it is stopped. */
export function start(consume: (signal: AbortSignal, release: AbortSignal) => Promise<void>) {
  const [stop, release] = [new AbortController(), new AbortController()]
  const done = consume(stop.signal, release.signal)
  return {
    stop() {
      stop.abort()
      return done
    },
    /** Stops, and has held work given back. */
    release() {
      stop.abort()
      release.abort()
      return done
    },
  }
}
