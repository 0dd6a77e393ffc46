/** The autocorrelation of a windowed frame, freed of the window's own (Boersma 1993, equations 8 and 9). */
import { type CreateRealFft, fftSize } from './fft.ts'

export interface Autocorrelation {
  /** Lag 0 is at this index of what `compute` returns; so many lags are known to either side. */
  readonly lags: number
  /**
   * Normalised autocorrelation of `samples[start …]`, at every lag from −`lags` to `lags`; 1 at lag 0. Undefined when
   * the frame holds no energy. The array is used again by the next call.
   *
   * @param mean subtracted from each sample
   * @param scale multiplied with each, to keep 32-bit transforms away from under- and overflow
   */
  compute(samples: Float32Array, start: number, mean: number, scale: number): Float64Array | undefined
}

/** @param lags at most the window's length */
export function createAutocorrelation(window: Float64Array, lags: number, createFft: CreateRealFft): Autocorrelation {
  const fft = createFft(fftSize(window.length + lags))
  const inverseOfWindow = autocorrelate(window, lags).map((value) => 1 / value)
  const result = new Float64Array(2 * lags + 1)
  return {
    lags,
    compute(samples, start, mean, scale) {
      const data = fft.data
      for (let i = 0; i < window.length; i++) data[i] = (samples[start + i]! - mean) * scale * window[i]!
      data.fill(0, window.length)
      fft.forward()
      toPowerSpectrum(data)
      fft.inverse()
      const energy = data[0]!
      if (!(energy > 0)) return undefined
      result[lags] = 1
      for (let lag = 1; lag <= lags; lag++) {
        const value = (data[lag]! / energy) * inverseOfWindow[lag]!
        result[lags + lag] = value
        result[lags - lag] = value
      }
      return result
    },
  }
}

function toPowerSpectrum(data: Float32Array | Float64Array): void {
  data[0] = data[0]! * data[0]!
  data[1] = data[1]! * data[1]!
  for (let i = 2; i < data.length; i += 2) {
    const re = data[i]!
    const im = data[i + 1]!
    data[i] = re * re + im * im
    data[i + 1] = 0
  }
}

/** By definition and in 64 bits: done once, and every frame is divided by it. */
function autocorrelate(window: Float64Array, lags: number): Float64Array {
  const result = new Float64Array(lags + 1)
  for (let lag = 0; lag <= lags; lag++) {
    let sum = 0
    for (let i = lag; i < window.length; i++) sum += window[i]! * window[i - lag]!
    result[lag] = sum
  }
  const energy = result[0]!
  return result.map((value) => value / energy)
}

/** The Hanning window of Boersma (1993), without its zeros at both ends. */
export function hanningWindow(length: number): Float64Array {
  return Float64Array.from({ length }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 1)) / (length + 1)))
}

/** The Gaussian window of Boersma (1993), for twice the length of the Hanning window: more exact, and slower. */
export function gaussianWindow(length: number): Float64Array {
  const edge = Math.exp(-12)
  const middle = 0.5 * (length + 1)
  return Float64Array.from({ length }, (_, i) => {
    const x = (i + 1 - middle) / (length + 1)
    return (Math.exp(-48 * x * x) - edge) / (1 - edge)
  })
}
