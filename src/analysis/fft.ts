/** The Fourier transform that the engine computes with; whoever starts the engine brings one. */

/** A real transform of one size, done in place on `data`. An instance belongs to one thread. */
export interface RealFft {
  readonly size: number
  /** `size` numbers. Read the property again after creating another transform: the memory may have moved. */
  readonly data: Float32Array | Float64Array
  /** Samples to spectrum, in the order re(0), re(size/2), re(1), im(1), re(2), im(2), … */
  forward(): void
  /** Spectrum to samples, not scaled: `inverse` after `forward` multiplies by `size`. */
  inverse(): void
}

/** Answers a transform of exactly this size, which is one of `fftSize`. */
export type CreateRealFft = (size: number) => RealFft

/** The smallest transform size, a product 2^a·3^b·5^c with a ≥ 5, that holds so many numbers. */
export function fftSize(atLeast: number): number {
  let best = Number.POSITIVE_INFINITY
  for (let fives = 1; fives < 2 * atLeast; fives *= 5) {
    for (let product = fives; product < 2 * atLeast; product *= 3) {
      let size = product * 32
      while (size < atLeast) size *= 2
      best = Math.min(best, size)
    }
  }
  return best
}
