import { writeFileSync } from 'node:fs'
import { WAV_HEAD_BYTES, wavHead } from '../stack/wav-head.ts'

const HIGHEST = 0.98

/** Writes 16-bit PCM; what is louder than full scale is brought down whole. Several channels are interleaved. */
export function writeWav(path: string, samples: Float64Array | Float32Array, rateHz: number, channels = 1): void {
  let peak = 0
  for (const value of samples) peak = Math.max(peak, Math.abs(value))
  const gain = peak > HIGHEST ? HIGHEST / peak : 1
  const file = Buffer.alloc(WAV_HEAD_BYTES + 2 * samples.length)
  wavHead(2 * samples.length, rateHz, channels).copy(file)
  for (let i = 0; i < samples.length; i++) {
    file.writeInt16LE(
      Math.max(-32_768, Math.min(32_767, Math.round(samples[i]! * gain * 32_768))),
      WAV_HEAD_BYTES + 2 * i,
    )
  }
  writeFileSync(path, file)
}
