/**
 * The place and height of a maximum between samples, by windowed sinc interpolation (Boersma 1993, equation 22):
 * a parabola says about where, the interpolated curve around it says exactly.
 */

/** Points of the interpolated curve per sample. A parabola through three of them is within 1e-5 samples. */
const STEPS = 32

export interface Peak {
  /** In samples, as an index of the array. */
  position: number
  height: number
}

export interface PeakFinder {
  /**
   * The maximum of the curve through `values`, near the index `at` whose value is a local maximum. The answer is
   * written into `peak`.
   */
  find(values: Float64Array, at: number, peak: Peak): void
  /** About the height of that maximum, more cheaply: at the parabola's top. */
  estimate(values: Float64Array, at: number): number
}

/** @param depth how many samples to either side the interpolation looks at; fewer close to the array's ends */
export function createPeakFinder(depth: number): PeakFinder {
  const kernels = Array.from({ length: STEPS }, (_, step) => kernel(step / STEPS, depth))
  function heightAt(values: Float64Array, gridPoint: number): number {
    const left = Math.floor(gridPoint / STEPS)
    const step = gridPoint - left * STEPS
    if (step === 0) return values[left]!
    const first = left - depth + 1
    if (first < 0 || left + depth >= values.length) return sincAt(values, gridPoint / STEPS, depth)
    return dot(values, first, kernels[step]!)
  }
  return {
    estimate: (values, at) => heightAt(values, Math.round(parabolicPeak(values, at) * STEPS)),
    find(values, at, peak) {
      let point = Math.round(parabolicPeak(values, at) * STEPS)
      let before = heightAt(values, point - 1)
      let height = heightAt(values, point)
      let after = heightAt(values, point + 1)
      while (after > height && point < (at + 1) * STEPS) {
        before = height
        height = after
        after = heightAt(values, ++point + 1)
      }
      while (before > height && point > (at - 1) * STEPS) {
        after = height
        height = before
        before = heightAt(values, --point - 1)
      }
      const bend = before - 2 * height + after
      const shift = bend < 0 ? Math.max(-1, Math.min(1, (0.5 * (before - after)) / bend)) : 0
      peak.position = (point + shift) / STEPS
      peak.height = height - 0.25 * (before - after) * shift
    },
  }
}

/** Where a parabola through a local maximum and its two neighbours is highest, as a fractional index. */
export function parabolicPeak(values: Float64Array, at: number): number {
  const before = values[at - 1]!
  const after = values[at + 1]!
  const bend = 2 * values[at]! - before - after
  return bend > 0 ? at + (0.5 * (after - before)) / bend : at
}

/** The curve through `values` at a fractional index; `depth` shrinks close to the ends. */
function sincAt(values: Float64Array, position: number, depth: number): number {
  const left = Math.floor(position)
  const fraction = position - left
  if (fraction === 0) return values[left]!
  const reach = Math.min(depth, left + 1, values.length - 1 - left)
  return dot(values, left - reach + 1, kernel(fraction, reach))
}

/** Weights of the `2·depth` samples around a point that lies `fraction` after the middle left one. */
function kernel(fraction: number, depth: number): Float64Array {
  const weights = new Float64Array(2 * depth)
  for (let n = 1; n <= depth; n++) {
    weights[depth - n] = weight(fraction + n - 1, fraction + depth)
    weights[depth - 1 + n] = weight(1 - fraction + n - 1, 1 - fraction + depth)
  }
  return weights
}

function weight(distance: number, reach: number): number {
  if (distance === 0) return 1
  const angle = Math.PI * distance
  return (Math.sin(angle) / angle) * (0.5 + 0.5 * Math.cos(angle / reach))
}

function dot(values: Float64Array, first: number, weights: Float64Array): number {
  let sum = 0
  for (let i = 0; i < weights.length; i++) sum += values[first + i]! * weights[i]!
  return sum
}
