/**
 * One ceiling for all buffered bytes of a process. Memory is taken before the first byte is read into it, strictly
 * first come first served: a large request at the head is not overtaken, so it cannot starve; who waits holds nothing,
 * so no two can wait for each other.
 */
export interface Lease {
  /** What was asked for, cut to the total. */
  readonly bytes: number
  /** Memory of that size, made on first use; may hold old bytes, so only what was written to it may be read. */
  readonly buffer: Buffer
  /**
   * Gives the memory back; a repeat does nothing. `reusable` says that nobody reads or writes the buffer any more:
   * only then is it handed out again.
   */
  release(options?: { readonly reusable: boolean }): void
}

export interface MemoryBudget {
  readonly totalBytes: number
  /** Bytes held now; never more than the total. */
  readonly usedBytes: number
  /** Requests that wait. */
  readonly waiting: number
  /** Rejects with the signal's reason when it aborts before there is room. */
  take(bytes: number, signal: AbortSignal): Promise<Lease>
}

interface Waiter {
  readonly bytes: number
  readonly grant: (buffer: Buffer | undefined) => void
}

export function createMemoryBudget(totalBytes: number): MemoryBudget {
  const queue: Waiter[] = []
  const pool = createBufferPool()
  let usedBytes = 0
  const serve = (): void => {
    while (queue[0] !== undefined && usedBytes + queue[0].bytes <= totalBytes) {
      const { bytes, grant } = queue.shift()!
      usedBytes += bytes
      // Now, before idle buffers have to make room for what is used.
      grant(pool.find(bytes))
    }
    pool.shrinkTo(totalBytes - usedBytes)
  }
  const createLease = (bytes: number, idle: Buffer | undefined): Lease => {
    let buffer = idle
    let released = false
    return {
      bytes,
      get buffer() {
        buffer ??= Buffer.allocUnsafeSlow(bytes)
        return buffer
      },
      release: ({ reusable } = { reusable: false }) => {
        if (released) return
        released = true
        usedBytes -= bytes
        if (reusable && buffer !== undefined) pool.give(buffer)
        serve()
      },
    }
  }
  return {
    totalBytes,
    get usedBytes() {
      return usedBytes
    },
    get waiting() {
      return queue.length
    },
    take: async (asked, signal) => {
      signal.throwIfAborted()
      const bytes = Math.min(asked, totalBytes)
      const idle = await new Promise<Buffer | undefined>((resolve, reject) => {
        const onAbort = (): void => {
          queue.splice(queue.indexOf(waiter), 1)
          reject(signal.reason)
          serve()
        }
        const grant = (buffer: Buffer | undefined): void => {
          signal.removeEventListener('abort', onAbort)
          resolve(buffer)
        }
        const waiter = { bytes, grant }
        signal.addEventListener('abort', onAbort, { once: true })
        queue.push(waiter)
        serve()
      })
      return createLease(bytes, idle)
    },
  }
}

/** Buffers of a few sizes, used again so that large allocations do not fragment memory. Kept within what is unused. */
function createBufferPool() {
  const idle: Buffer[] = []
  let idleBytes = 0
  const remove = (index: number): Buffer => {
    const [buffer] = idle.splice(index, 1) as [Buffer]
    idleBytes -= buffer.length
    return buffer
  }
  return {
    find: (bytes: number): Buffer | undefined => {
      const index = idle.findLastIndex((buffer) => buffer.length === bytes)
      return index === -1 ? undefined : remove(index)
    },
    give: (buffer: Buffer): void => {
      idle.push(buffer)
      idleBytes += buffer.length
    },
    shrinkTo: (bytes: number): void => {
      while (idleBytes > bytes) remove(0)
    },
  }
}
