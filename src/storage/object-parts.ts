/** Cuts a stream into parts of one size, holding one part at a time whatever the size of the chunks that come. */

export interface Part {
  /** Valid until the next part is asked for: all parts share one buffer. */
  readonly bytes: Buffer
  readonly last: boolean
}

const FIRST_BYTES = 256 * 1024

/**
 * Every part but the last is exactly `partSize` bytes; an empty stream gives one empty part. A part is only yielded
 * once it is known whether it is the last. Throws what the stream throws, and destroys the stream when left early.
 */
export async function* partsOf(body: AsyncIterable<Uint8Array>, partSize: number): AsyncGenerator<Part, void> {
  // Grows with the body, so that a short recording does not cost a whole part.
  let buffer = Buffer.allocUnsafeSlow(Math.min(FIRST_BYTES, partSize))
  let filled = 0
  for await (const chunk of body) {
    for (let taken = 0; taken < chunk.length; ) {
      if (filled === partSize) {
        yield { bytes: buffer, last: false }
        filled = 0
      }
      if (filled === buffer.length) buffer = grow(buffer, partSize)
      const bytes = chunk.subarray(taken, taken + buffer.length - filled)
      buffer.set(bytes, filled)
      filled += bytes.length
      taken += bytes.length
    }
  }
  yield { bytes: buffer.subarray(0, filled), last: true }
}

function grow(buffer: Buffer, partSize: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafeSlow(Math.min(buffer.length * 2, partSize))
  buffer.copy(larger)
  return larger
}
