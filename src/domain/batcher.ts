/**
 * Greedy micro-batching: single calls in, batches out. An idle batcher flushes at once (at the end of the event loop's
 * turn, so that callers resumed together travel together); while `maxInFlight` batches run, calls gather. Under traffic
 * an idle one may linger: a few milliseconds of waiting save most of the batches, and are nothing beside the queues of
 * a busy system, while a job that comes alone passes every hop at once.
 */
export interface BatcherOptions<T, R> {
  /** Most items of one batch. */
  readonly maxSize: number
  /** Batches that may run at the same time. With more than one, a later batch can overtake an earlier one. */
  readonly maxInFlight: number
  /** Handles one batch and answers per item, in order. A rejection rejects every call of the batch. */
  readonly run: (items: readonly T[]) => Promise<readonly (R | Error)[]>
  /** Waits this long for more calls, but only under traffic: from the tenth call within 100 ms on. Default 0: never. */
  readonly lingerMs?: number
  /** So many calls are a batch worth its statement or request: nobody waits for more. Default `maxSize`. */
  readonly enough?: number
  /** Most bytes of one batch by `sizeOf`; an item that is larger travels alone. Default: no bound. */
  readonly maxBytes?: number
  readonly sizeOf?: (item: T) => number
}

/** A single job makes a handful of calls; more in so short a time are several jobs. */
const BUSY_CALLS = 10
const BUSY_WITHIN_MS = 100

interface Call<T, R> {
  readonly item: T
  readonly bytes: number
  resolve(result: R): void
  reject(error: Error): void
}

/** Makes the function that puts one item into a batch and resolves or rejects with the outcome of that item alone. */
export function createBatcher<T, R>(options: BatcherOptions<T, R>): (item: T) => Promise<R> {
  const { maxSize, maxInFlight, run, lingerMs = 0, enough = maxSize } = options
  const { maxBytes = Number.POSITIVE_INFINITY, sizeOf = () => 0 } = options
  const waiting: Call<T, R>[] = []
  let inFlight = 0
  const traffic = createTrafficSense()
  let cancelFlush: (() => void) | undefined
  let isFlushingSoon = false

  function plan(): void {
    if (waiting.length === 0 || inFlight >= maxInFlight) return
    if (waiting.length >= maxSize) flush()
    else if (lingerMs > 0 && waiting.length < enough && traffic.isBusy()) linger()
    else flushSoon()
  }

  function linger(): void {
    if (cancelFlush !== undefined) return
    const timer = setTimeout(flush, lingerMs)
    cancelFlush = () => clearTimeout(timer)
  }

  function flushSoon(): void {
    if (isFlushingSoon) return
    cancelFlush?.()
    isFlushingSoon = true
    const immediate = setImmediate(flush)
    cancelFlush = () => clearImmediate(immediate)
  }

  function flush(): void {
    cancelFlush?.()
    cancelFlush = undefined
    isFlushingSoon = false
    if (waiting.length === 0 || inFlight >= maxInFlight) return
    const batch = waiting.splice(0, countOfNext(waiting, maxSize, maxBytes))
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
      traffic.note()
      plan()
    })
}

/** Remembers when the last calls came. */
function createTrafficSense(): { note(): void; isBusy(): boolean } {
  const times = new Float64Array(BUSY_CALLS).fill(Number.NEGATIVE_INFINITY)
  let oldest = 0
  return {
    note() {
      times[oldest] = performance.now()
      oldest = (oldest + 1) % BUSY_CALLS
    },
    isBusy: () => performance.now() - (times[oldest] ?? 0) < BUSY_WITHIN_MS,
  }
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
