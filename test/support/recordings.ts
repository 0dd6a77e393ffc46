/** A WAV file (16 bit, mono) of a harmonic tone that glides from one F0 to the other: voiced from end to end. */
export function toneWav({ seconds = 0.6, fromHz = 180, toHz = 220, sampleRateHz = 16_000 } = {}): Buffer {
  const samples = Math.round(seconds * sampleRateHz)
  const wav = Buffer.alloc(44 + 2 * samples)
  wav.write('RIFF', 0)
  wav.writeUInt32LE(36 + 2 * samples, 4)
  wav.write('WAVEfmt ', 8)
  wav.writeUInt32LE(16, 16)
  wav.writeUInt16LE(1, 20)
  wav.writeUInt16LE(1, 22)
  wav.writeUInt32LE(sampleRateHz, 24)
  wav.writeUInt32LE(2 * sampleRateHz, 28)
  wav.writeUInt16LE(2, 32)
  wav.writeUInt16LE(16, 34)
  wav.write('data', 36)
  wav.writeUInt32LE(2 * samples, 40)
  let phase = 0
  for (let i = 0; i < samples; i++) {
    phase += (2 * Math.PI * (fromHz + ((toHz - fromHz) * i) / samples)) / sampleRateHz
    const value = 0.25 * Math.sin(phase) + 0.15 * Math.sin(2 * phase) + 0.1 * Math.sin(3 * phase)
    wav.writeInt16LE(Math.round(32_767 * value), 44 + 2 * i)
  }
  return wav
}
