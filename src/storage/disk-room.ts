/**
 * Keeps the embedded database away from a full disk. Where PGlite cannot write its log ahead it does not fail but hangs,
 * and its whole process with it (0.5.16); what was committed is there after a restart. So it is not asked while room is
 * short, which to everybody else is an outage of the database like any other.
 */
import { statfs } from 'node:fs/promises'
import { AppError } from '../domain/errors.ts'

/** A file of its log has 16 MiB; whatever else lies on the disk may grow between two looks. */
export const LEAST_FREE_BYTES = 64 * 1024 ** 2
const LOOK_MS = 250

/** Free bytes of the disk that a folder lies on, for who is not root. */
export async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

/** The returned function throws `database-unavailable` while there is not room enough, by a look every 250 ms. */
export function createRoomCheck(
  freeBytes: () => Promise<number>,
  now: () => number = () => performance.now(),
): () => Promise<void> {
  let lookedMs = Number.NEGATIVE_INFINITY
  let free = 0
  return async () => {
    if (now() - lookedMs >= LOOK_MS) {
      free = await freeBytes()
      lookedMs = now()
    }
    if (free >= LEAST_FREE_BYTES) return
    throw new AppError('database-unavailable', 'The disk of DATA_DIR is full: free at least 64 MiB on it')
  }
}
