/** Reads a body by the byte, so that it can be cut into requests of known length. Holds at most one chunk. */
import { AppError } from '../domain/errors.ts'

export interface ByteReader {
  /** The next bytes, at most so many; undefined at the end. Throws what the body throws. */
  next(maxBytes: number): Promise<Buffer | undefined>
  /** Waits until there is another byte or the end. */
  isAtEnd(): Promise<boolean>
}

export function createByteReader(chunks: AsyncIterator<Buffer>): ByteReader {
  let rest: Buffer | undefined
  const isAtEnd = async (): Promise<boolean> => {
    while (rest === undefined) {
      const { value, done } = await chunks.next()
      if (done === true) return true
      if (value.length > 0) rest = value
    }
    return false
  }
  const next = async (maxBytes: number): Promise<Buffer | undefined> => {
    if (rest === undefined && (await isAtEnd())) return undefined
    const bytes = rest!.subarray(0, maxBytes)
    rest = bytes.length === rest!.length ? undefined : rest!.subarray(maxBytes)
    return bytes
  }
  return { next, isAtEnd }
}

/** Reads into a buffer until it is full or the body ends; how many bytes. */
export async function fill(reader: ByteReader, buffer: Buffer): Promise<number> {
  let filled = 0
  while (filled < buffer.length) {
    const bytes = await reader.next(buffer.length - filled)
    if (bytes === undefined) break
    buffer.set(bytes, filled)
    filled += bytes.length
  }
  return filled
}

/** Exactly so many bytes; throws `upload-malformed` with `detail` when the body ends earlier. */
export async function* exactly(reader: ByteReader, bytes: number, detail: string): AsyncGenerator<Buffer, void> {
  for (let left = bytes; left > 0; ) {
    const chunk = await reader.next(left)
    if (chunk === undefined) throw new AppError('upload-malformed', detail)
    left -= chunk.length
    yield chunk
  }
}

/** The same as the last of a body: its last chunk is held back until the body has ended, so that no request completes
 * whose body goes on. */
export async function* exactlyToEnd(reader: ByteReader, bytes: number, detail: string): AsyncGenerator<Buffer, void> {
  let held: Buffer | undefined
  for await (const chunk of exactly(reader, bytes, detail)) {
    if (held !== undefined) yield held
    held = chunk
  }
  if (!(await reader.isAtEnd())) throw longerThanAnnounced()
  if (held !== undefined) yield held
}

export function longerThanAnnounced(): AppError {
  return new AppError('upload-malformed', 'The body has more bytes than were announced.')
}
