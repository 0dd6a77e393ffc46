/** What the suites of object stores share: bodies, keys and a store that is open. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type PassThrough, Readable } from 'node:stream'
import type { ObjectSize, ObjectStore } from '../../src/ports/object-store.ts'

export interface OpenObjectStore {
  readonly store: ObjectStore
  /** Content type of an object; undefined when there is none. */
  typeOf(key: string): Promise<string | undefined>
  /** Keys of the uploads that were begun and neither completed nor aborted. */
  openUploads(): Promise<string[]>
  close(): Promise<void>
}

export const newObjectKey = () => `audio/a%40b.example/2026/11/21/${randomUUID()}.wav`

export function plainOptions(size?: ObjectSize) {
  return { contentType: 'audio/wav', signal: new AbortController().signal, size }
}

/** A stream that gives these bytes in chunks of a size that divides nothing. */
export function chunked(bytes: Buffer, chunkSize = 65_521): Readable {
  const cut = function* () {
    for (let at = 0; at < bytes.length; at += chunkSize) yield bytes.subarray(at, at + chunkSize)
  }
  return Readable.from(cut(), { objectMode: false })
}

/** Writes and waits until all of it has been read. */
export async function writeAll(body: PassThrough, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += 60_000) {
    if (!body.write(bytes.subarray(at, at + 60_000))) await once(body, 'drain')
  }
}
