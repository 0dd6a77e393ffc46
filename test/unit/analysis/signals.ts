/** Signals of known content for tests; every draw of noise is the same on every run. */
import { createSound, type Sound } from '../../../src/analysis/sound.ts'

export function soundOf(durationS: number, rateHz: number, at: (timeS: number) => number): Sound {
  const samples = Float32Array.from({ length: Math.round(durationS * rateHz) }, (_, i) => at((i + 0.5) / rateHz))
  return createSound(samples, rateHz)
}

export function sine(f0Hz: number, amplitude = 0.5): (timeS: number) => number {
  return (timeS) => amplitude * Math.sin(2 * Math.PI * f0Hz * timeS)
}

/** A voice-like complex of harmonics up to 3 kHz whose F0 goes from one frequency to another. */
export function glide(fromHz: number, toHz: number, durationS: number, amplitude = 0.1): (timeS: number) => number {
  return (timeS) => {
    const cycles = fromHz * timeS + ((toHz - fromHz) * timeS * timeS) / (2 * durationS)
    let sum = 0
    for (let h = 1; h * Math.max(fromHz, toHz) < 3000; h++) sum += Math.cos(2 * Math.PI * h * cycles + h * h) / h
    return amplitude * sum
  }
}

/** Uniform white noise (generator: Marsaglia 2003, xorshift32). */
export function noise(amplitude: number, seed = 1): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return amplitude * ((state >>> 0) / 2 ** 31 - 1)
  }
}

/** As a 16-bit WAV file would keep it. */
export function quantised(sound: Sound): Sound {
  const samples = sound.samples.map((value) => Math.max(-32_768, Math.min(32_767, Math.round(value * 32_768))) / 32_768)
  return { ...sound, samples }
}

/** The sounds, besides the recordings in examples/, that Praat's figures are kept of. */
export function goldenSounds(): Record<string, Sound> {
  const sounds: Record<string, Sound> = {}
  for (const rateHz of [8000, 11_025, 16_000, 44_100]) {
    const hiss = noise(0.02, rateHz)
    const voice = glide(110, 260, 1.3)
    const at = (timeS: number) => (timeS > 0.5 && timeS < 0.75 ? 0 : voice(timeS)) + hiss()
    sounds[`glide-${rateHz}`] = quantised(soundOf(1.3, rateHz, at))
  }
  const low = glide(74, 90, 0.8)
  sounds['low-16000'] = quantised(soundOf(0.8, 16_000, low))
  return sounds
}
