/** The conditions that every voice is judged in: as it is, and in noise. */
import type { Random } from './random.ts'
import type { Voice } from './voice.ts'

export interface Condition {
  readonly name: string
  readonly noise: 'none' | 'white' | 'pink'
  /** Power of the voiced part over that of the noise, in dB. */
  readonly snrDb: number
}

export const CONDITIONS: readonly Condition[] = [
  { name: 'clean', noise: 'none', snrDb: Number.POSITIVE_INFINITY },
  { name: 'white-20', noise: 'white', snrDb: 20 },
  { name: 'white-10', noise: 'white', snrDb: 10 },
  { name: 'white-5', noise: 'white', snrDb: 5 },
  { name: 'pink-10', noise: 'pink', snrDb: 10 },
]

export function inCondition(voice: Voice, { noise, snrDb }: Condition, random: Random): Float64Array {
  if (noise === 'none') return voice.samples
  const added = noise === 'pink' ? pink(voice.samples.length, random) : white(voice.samples.length, random)
  const gain = Math.sqrt(voicedPower(voice) / 10 ** (snrDb / 10) / power(added))
  return voice.samples.map((value, i) => value + gain * added[i]!)
}

function white(length: number, random: Random): Float64Array {
  return Float64Array.from({ length }, random.normal)
}

/** White noise through three real poles that follow −3 dB per octave within 0.5 dB (P. Kellet 1999, "economy" filter). */
function pink(length: number, random: Random): Float64Array {
  let [low, middle, high] = [0, 0, 0]
  return Float64Array.from({ length }, () => {
    const value = random.normal()
    low = 0.99765 * low + 0.099046 * value
    middle = 0.963 * middle + 0.2965164 * value
    high = 0.57 * high + 1.0526913 * value
    return low + middle + high + 0.1848 * value
  })
}

function power(samples: Float64Array): number {
  return samples.reduce((sum, value) => sum + value * value, 0) / samples.length
}

function voicedPower({ samples, sampleRateHz, f0Hz }: Voice): number {
  const perMs = sampleRateHz / 1000
  return power(samples.filter((_, i) => f0Hz[Math.min(f0Hz.length - 1, Math.floor(i / perMs))]! > 0))
}
