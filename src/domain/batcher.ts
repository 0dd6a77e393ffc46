/**
 * Greedy micro-batching: single calls in, batches out. An idle batcher flushes at once (at the end of the event loop's
 * turn, so that callers resumed together travel together); while `maxInFlight` batches run, calls gather.
 */
export interface BatcherOptions<T, R> {
  /** Most items of one batch. */
  readonly maxSize: number
  /** Batches that may run at the same time. With more than one, a later batch can overtake an earlier one. */
  readonly maxInFlight: number
  /** Handles one batch and answers per item, in order. A rejection rejects every call of the batch. */
  readonly run: (items: readonly T[]) => Promise<readonly (R | Error)[]>
  /** Waits this long for more calls, but only when the previous batch left less than this ago. Default 0: never. */
  readonly lingerMs?: number
  /** Most bytes of one batch by `sizeOf`; an item that is larger travels alone. Default: no bound. */
  readonly maxBytes?: number
  readonly sizeOf?: (item: T) => number
}

interface Call<T, R> {
  readonly item: T
  readonly bytes: number
  resolve(result: R): void
  reject(error: Error): void
}

/** Makes the function that puts one item into a batch and resolves or rejects with the outcome of that item alone. */
export function createBatcher<T, R>(options: BatcherOptions<T, R>): (item: T) => Promise<R> {
  const { maxSize, maxInFlight, run, lingerMs = 0, maxBytes = Number.POSITIVE_INFINITY, sizeOf = () => 0 } = options
  const waiting: Call<T, R>[] = []
  let inFlight = 0
  let lastFlushMs = Number.NEGATIVE_INFINITY
  let cancelFlush: (() => void) | undefined

  function plan(): void {
    if (waiting.length === 0 || inFlight >= maxInFlight) return
    if (waiting.length >= maxSize) flush()
    else if (cancelFlush === undefined) planFlush()
  }

  function planFlush(): void {
    if (performance.now() - lastFlushMs < lingerMs) {
      const timer = setTimeout(flush, lingerMs)
      cancelFlush = () => clearTimeout(timer)
    } else {
      const immediate = setImmediate(flush)
      cancelFlush = () => clearImmediate(immediate)
    }
  }

  function flush(): void {
    cancelFlush?.()
    cancelFlush = undefined
    if (waiting.length === 0 || inFlight >= maxInFlight) return
    const batch = waiting.splice(0, countOfNext(waiting, maxSize, maxBytes))
    lastFlushMs = performance.now()
    inFlight += 1
    void settle(batch, run).finally(() => {
      inFlight -= 1
      plan()
    })
    plan()
  }

  return (item) =>
    new Promise<R>((resolve, reject) => {
      waiting.push({ item, bytes: sizeOf(item), resolve, reject })
      plan()
    })
}

function countOfNext(calls: readonly { bytes: number }[], maxSize: number, maxBytes: number): number {
  let bytes = 0
  let count = 0
  for (const call of calls) {
    bytes += call.bytes
    if (count === maxSize || (count > 0 && bytes > maxBytes)) break
    count += 1
  }
  return count
}

async function settle<T, R>(batch: readonly Call<T, R>[], run: BatcherOptions<T, R>['run']): Promise<void> {
  try {
    const outcomes = await run(batch.map((call) => call.item))
    if (outcomes.length !== batch.length) throw new Error(`${outcomes.length} outcomes for ${batch.length} items`)
    outcomes.forEach((outcome, i) => {
      if (outcome instanceof Error) batch[i]?.reject(outcome)
      else batch[i]?.resolve(outcome)
    })
  } catch (error) {
    for (const call of batch) call.reject(error instanceof Error ? error : new Error(String(error)))
  }
}
