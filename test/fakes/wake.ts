/** Lets loops wait for a change, without polling. */
export interface Wake {
  wake(): void
  /** Resolves at the next wake, or when a signal aborts. */
  wait(...signals: (AbortSignal | undefined)[]): Promise<void>
}

export function createWake(): Wake {
  const waiting = new Set<() => void>()
  return {
    wake() {
      for (const resolve of waiting) resolve()
    },
    wait(...signals) {
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting.add(resolve)
      for (const signal of signals) {
        if (signal?.aborted) resolve()
        signal?.addEventListener('abort', () => resolve(), { once: true })
      }
      return promise.finally(() => waiting.delete(resolve))
    },
  }
}
