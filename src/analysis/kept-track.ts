/**
 * The computed pitch track of a reference recording as we keep it. It is read back bit by bit, so that a comparison does
 * not depend on whether the track was kept; and whether it can be read is told without going through its frames.
 *
 *   8 bytes   "TWTRACK1"
 *   8 + 8     time of the first frame and step, in seconds
 *   8 each    F0 of every frame in Hz, 0 where unvoiced            (all little-endian doubles)
 */
import type { PitchContour } from './pitch-file.ts'

const MAGIC = 'TWTRACK1'
const HEAD_BYTES = 24
const VALUE_BYTES = 8

export function formatKeptTrack({ startS, stepS, f0Hz }: PitchContour): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + VALUE_BYTES * f0Hz.length)
  bytes.set(new TextEncoder().encode(MAGIC))
  const view = new DataView(bytes.buffer)
  view.setFloat64(8, startS, true)
  view.setFloat64(16, stepS, true)
  f0Hz.forEach((f0, i) => {
    view.setFloat64(HEAD_BYTES + VALUE_BYTES * i, f0, true)
  })
  return bytes
}

/** True for what `formatKeptTrack` wrote; anything else counts as not kept. */
export function isKeptTrack(bytes: Uint8Array): boolean {
  if (bytes.length < HEAD_BYTES || (bytes.length - HEAD_BYTES) % VALUE_BYTES !== 0) return false
  if (String.fromCharCode(...bytes.subarray(0, MAGIC.length)) !== MAGIC) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const startS = view.getFloat64(8, true)
  const stepS = view.getFloat64(16, true)
  return Number.isFinite(startS) && Number.isFinite(stepS) && stepS > 0
}

/** The contour of what `isKeptTrack`. */
export function readKeptTrack(bytes: Uint8Array): PitchContour {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const count = (bytes.length - HEAD_BYTES) / VALUE_BYTES
  const f0Hz = Float64Array.from({ length: count }, (_, i) => view.getFloat64(HEAD_BYTES + VALUE_BYTES * i, true))
  return { startS: view.getFloat64(8, true), stepS: view.getFloat64(16, true), f0Hz }
}
