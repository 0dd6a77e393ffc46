/** How the samples of one decoder differ from another's. */

/** One number per frame of interleaved samples. */
export function meanOfChannels(interleaved: Float32Array, channels: number): Float32Array {
  return Float32Array.from({ length: interleaved.length / channels }, (_, i) => {
    let sum = 0
    for (let channel = 0; channel < channels; channel++) sum += interleaved[i * channels + channel]!
    return sum / channels
  })
}

/** The largest absolute difference; infinite where one is longer. */
export function largestDifference(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY
  let most = 0
  for (let i = 0; i < actual.length; i++) most = Math.max(most, Math.abs(actual[i]! - expected[i]!))
  return most
}

/** Samples that `later` is behind `earlier`, by their cross-correlation; looked for up to `most` either way. */
export function lagOf(later: Float32Array, earlier: Float32Array, most = 500): number {
  let best = { lag: 0, sum: Number.NEGATIVE_INFINITY }
  for (let lag = -most; lag <= most; lag++) {
    let sum = 0
    for (let i = 1000; i < earlier.length - 1000; i++) sum += earlier[i]! * (later[i + lag] ?? 0)
    if (sum > best.sum) best = { lag, sum }
  }
  return best.lag
}
