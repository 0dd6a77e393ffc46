/** The outline of a recording, for drawings. */
import type { Waveform } from '../domain/result.ts'
import type { Sound } from './sound.ts'

/** About one for each pixel of a drawing. */
const MOST_STRETCHES = 900

/** The highest absolute sample of each of 900 equal stretches, of fewer where there are fewer samples. */
export function outline({ samples, durationS }: Pick<Sound, 'samples' | 'durationS'>): Waveform | null {
  const count = Math.min(MOST_STRETCHES, samples.length)
  if (count === 0) return null
  const peaks = Array.from({ length: count }, (_, i) => {
    const end = Math.floor(((i + 1) * samples.length) / count)
    let peak = 0
    for (let j = Math.floor((i * samples.length) / count); j < end; j++) peak = Math.max(peak, Math.abs(samples[j]!))
    return peak
  })
  return { stepS: durationS / count, peaks }
}
