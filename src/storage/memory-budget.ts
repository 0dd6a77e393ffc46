/**
 * One ceiling for all buffered bytes of a process. Memory is taken before the first byte is read into it, strictly
 * first come first served: a large request at the head is not overtaken, so it cannot starve; who waits holds nothing,
 * so no two can wait for each other. Who fills what it has taken too slowly may go on only while nobody waits.
 */
import { AppError } from '../domain/errors.ts'
import type { HeldMemory, Memory } from '../ports/memory.ts'

export interface Lease extends HeldMemory {
  /** What was asked for, cut to the total. */
  readonly bytes: number
}

export interface MemoryBudget extends Memory {
  readonly totalBytes: number
  /** Bytes held now; never more than the total. */
  readonly usedBytes: number
  /** Requests that wait. */
  readonly waiting: number
  /** Rejects with the signal's reason when it aborts before there is room. */
  take(bytes: number, signal: AbortSignal): Promise<Lease>
}

/** How long a buffer may take to be filled while others wait. */
const HOLD_MS = 20_000

interface Waiter {
  readonly bytes: number
  readonly grant: (buffer: Buffer | undefined) => void
}

export function createMemoryBudget(totalBytes: number, { holdMs = HOLD_MS } = {}): MemoryBudget {
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
  const watch = (onHeldUp: (error: AppError) => void) => watchFilling(holdMs, () => queue.length > 0, onHeldUp)
  const giveBack = (bytes: number, reusable: Buffer | undefined): void => {
    usedBytes -= bytes
    if (reusable !== undefined) pool.give(reusable)
    serve()
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
      return createLease(bytes, idle, { watch, giveBack })
    },
  }
}

interface LeaseRules {
  readonly watch: HeldMemory['whileFilling']
  readonly giveBack: (bytes: number, reusable: Buffer | undefined) => void
}

function createLease(bytes: number, idle: Buffer | undefined, { watch, giveBack }: LeaseRules): Lease {
  let buffer = idle
  let released = false
  let unwatch = (): void => {}
  return {
    bytes,
    whileFilling: (onHeldUp) => {
      unwatch = watch(onHeldUp)
      return unwatch
    },
    get buffer() {
      buffer ??= Buffer.allocUnsafeSlow(bytes)
      return buffer
    },
    release: ({ reusable } = { reusable: false }) => {
      if (released) return
      released = true
      unwatch()
      giveBack(bytes, reusable ? buffer : undefined)
    },
  }
}

function watchFilling(holdMs: number, othersWait: () => boolean, onHeldUp: (error: AppError) => void): () => void {
  const beganMs = performance.now()
  const timer = setInterval(() => {
    if (!othersWait() || performance.now() - beganMs < holdMs) return
    clearInterval(timer)
    onHeldUp(
      new AppError('upload-too-slow', 'Others wait for the memory that this upload holds. Send it again, faster.'),
    )
  }, holdMs / 10)
  return () => clearInterval(timer)
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
