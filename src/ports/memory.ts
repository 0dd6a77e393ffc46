import type { AppError } from '../domain/errors.ts'

/**
 * Memory for what has to be held whole, out of the process's one budget (`UPLOAD_MEMORY_BYTES`), strictly first come
 * first served. Who holds some must not wait for more: two such could wait for each other for ever.
 */
export interface Memory {
  /** Requests that wait. */
  readonly waiting: number
  /** Resolves when there is room; rejects with the signal's reason when it aborts before. */
  take(bytes: number, signal: AbortSignal): Promise<HeldMemory>
}

export interface HeldMemory {
  /**
   * While somebody else's bytes fill the buffer: calls `onHeldUp` once when that takes long and others wait for memory,
   * for else a few slow senders would hold up everybody. Ended by the function it answers, or by the release.
   */
  whileFilling(onHeldUp: (error: AppError) => void): () => void
  /** Of the size asked for, or of the whole budget where that is less; may hold old bytes. */
  readonly buffer: Buffer
  /**
   * Gives the memory back; a repeat does nothing. `reusable` says that nobody reads or writes the buffer any more: only
   * then is it handed out again.
   */
  release(options?: { readonly reusable: boolean }): void
}
