import { writeFileSync } from 'node:fs'

const HEAD_BYTES = 44
const HIGHEST = 0.98

/** Writes 16-bit PCM; what is louder than full scale is brought down whole. Several channels are interleaved. */
export function writeWav(path: string, samples: Float64Array | Float32Array, rateHz: number, channels = 1): void {
  let peak = 0
  for (const value of samples) peak = Math.max(peak, Math.abs(value))
  const gain = peak > HIGHEST ? HIGHEST / peak : 1
  const file = Buffer.alloc(HEAD_BYTES + 2 * samples.length)
  file.write('RIFF', 0)
  file.writeUInt32LE(file.length - 8, 4)
  file.write('WAVEfmt ', 8)
  file.writeUInt32LE(16, 16)
  file.writeUInt16LE(1, 20)
  file.writeUInt16LE(channels, 22)
  file.writeUInt32LE(rateHz, 24)
  file.writeUInt32LE(2 * channels * rateHz, 28)
  file.writeUInt16LE(2 * channels, 32)
  file.writeUInt16LE(16, 34)
  file.write('data', 36)
  file.writeUInt32LE(2 * samples.length, 40)
  for (let i = 0; i < samples.length; i++) {
    file.writeInt16LE(Math.max(-32_768, Math.min(32_767, Math.round(samples[i]! * gain * 32_768))), HEAD_BYTES + 2 * i)
  }
  writeFileSync(path, file)
}
