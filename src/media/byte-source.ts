/** Bytes at positions, read synchronously: decoding runs in a thread of its own. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

export interface ByteSource {
  readonly size: number
  /** Fills `target` from `position` on and answers how many bytes there were: fewer only at the end. */
  read(target: Uint8Array, position: number): number
}

export interface FileSource extends ByteSource, Disposable {}

/** Opens a file; throws Node's own error when it cannot be opened. */
export function openFileSource(path: string): FileSource {
  const file = openSync(path, 'r')
  return {
    size: fstatSync(file).size,
    read(target, position) {
      let filled = 0
      while (filled < target.length) {
        const count = readSync(file, target, filled, target.length - filled, position + filled)
        if (count === 0) break
        filled += count
      }
      return filled
    },
    [Symbol.dispose]: () => closeSync(file),
  }
}

/** A source over bytes that are in memory. */
export function createMemorySource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    read(target, position) {
      const part = bytes.subarray(Math.min(position, bytes.length), Math.min(position + target.length, bytes.length))
      target.set(part)
      return part.length
    },
  }
}
