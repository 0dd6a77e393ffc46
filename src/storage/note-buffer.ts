/**
 * Items that are written together a moment later: by nobody waited for, so bounded, and kept while they cannot be
 * written. One batch is on its way at a time, in the order of adding.
 */

/** `away`: keep them and try again; anything else ends them. */
export type Written = 'written' | 'refused' | 'away'

export interface NoteBufferOptions<T> {
  readonly maxKept: number
  /** Writes one batch; never rejects. */
  readonly write: (batch: readonly T[]) => Promise<Written>
}

export interface NoteBuffer<T> {
  /** False when there is no room: the item is dropped. */
  add(item: T): boolean
  readonly size: number
  /** Tries to write what is there by now, after whoever is writing. */
  flush(): Promise<void>
  /** Tries once more; answers how many had to be left. Nothing is to be added any more. */
  close(): Promise<number>
}

const BATCH = 500
const FLUSH_MS = 200
const AGAIN_MS = 1_000

export function createNoteBuffer<T>({ maxKept, write }: NoteBufferOptions<T>): NoteBuffer<T> {
  const kept: T[] = []
  let timer: NodeJS.Timeout | undefined
  let last: Promise<void> = Promise.resolve()
  /** How many were added and ended, ever. */
  let added = 0
  let ended = 0

  function plan(inMs: number): void {
    if (timer !== undefined && inMs > 0) return
    clearTimeout(timer)
    // It keeps no process alive: whoever ends properly closes.
    timer = setTimeout(flush, inMs).unref()
  }

  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const upTo = added
    last = last.then(() => writeUpTo(upTo))
    return last
  }

  async function writeUpTo(upTo: number): Promise<void> {
    while (ended < upTo) {
      const batch = kept.slice(0, BATCH)
      if ((await write(batch)) === 'away') return plan(AGAIN_MS)
      kept.splice(0, batch.length)
      ended += batch.length
    }
  }

  return {
    add(item) {
      if (kept.length >= maxKept) return false
      kept.push(item)
      added += 1
      plan(kept.length === BATCH ? 0 : FLUSH_MS)
      return true
    },
    get size() {
      return kept.length
    },
    flush,
    async close() {
      await flush()
      clearTimeout(timer)
      return kept.length
    },
  }
}
