export const WAV_HEAD_BYTES = 44

/** The head of a WAV file of 16-bit samples; `dataBytes` follow it. */
export function wavHead(dataBytes: number, sampleRateHz: number, channels = 1): Buffer {
  const head = Buffer.alloc(WAV_HEAD_BYTES)
  head.write('RIFF', 0)
  head.writeUInt32LE(dataBytes + 36, 4)
  head.write('WAVEfmt ', 8)
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(channels, 22)
  head.writeUInt32LE(sampleRateHz, 24)
  head.writeUInt32LE(2 * channels * sampleRateHz, 28)
  head.writeUInt16LE(2 * channels, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36)
  head.writeUInt32LE(dataBytes, 40)
  return head
}
