import { WAV_HEAD_BYTES, wavHead } from '../../scripts/stack/wav-head.ts'

/** A WAV file (16 bit, mono) of a harmonic tone that glides from one F0 to the other: voiced from end to end. */
export function toneWav({ seconds = 0.6, fromHz = 180, toHz = 220, sampleRateHz = 16_000 } = {}): Buffer {
  const samples = Math.round(seconds * sampleRateHz)
  const wav = Buffer.concat([wavHead(2 * samples, sampleRateHz), Buffer.alloc(2 * samples)])
  let phase = 0
  for (let i = 0; i < samples; i++) {
    phase += (2 * Math.PI * (fromHz + ((toHz - fromHz) * i) / samples)) / sampleRateHz
    const value = 0.25 * Math.sin(phase) + 0.15 * Math.sin(2 * phase) + 0.1 * Math.sin(3 * phase)
    wav.writeInt16LE(Math.round(32_767 * value), WAV_HEAD_BYTES + 2 * i)
  }
  return wav
}
