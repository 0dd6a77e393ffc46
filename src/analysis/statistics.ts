/**
 * A quantile by linear interpolation between order statistics (Hyndman & Fan 1996, definition 7).
 *
 * @param share 0–1; 0.5 is the median
 * @returns null when there are no values
 */
export function quantile(values: Float64Array, share: number): number | null {
  if (values.length === 0) return null
  const sorted = values.toSorted()
  const place = share * (sorted.length - 1)
  const below = Math.floor(place)
  const low = sorted[below]!
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!
  return low + (high - low) * (place - below)
}

/** How many semitones (twelfths of an octave) `highHz` is above `lowHz`. */
export function semitonesBetween(lowHz: number, highHz: number): number {
  return 12 * Math.log2(highHz / lowHz)
}
