/** WAV files of every kind that the reader must understand, and of some that it must survive. */

export interface WavRecipe {
  /** Interleaved when there are several channels; full scale ±1. */
  readonly samples: ArrayLike<number>
  readonly sampleRateHz?: number
  readonly channels?: number
  readonly coding?: 'u8' | 's16' | 's24' | 's32' | 'f32' | 'f64' | 'mulaw' | 'alaw'
  readonly extensible?: boolean
  /** Chunks before the sound, as name and content. */
  readonly before?: readonly (readonly [string, Uint8Array])[]
  readonly after?: readonly (readonly [string, Uint8Array])[]
  /** What the head says instead of the truth. */
  readonly declaredDataBytes?: number
  readonly declaredRiffBytes?: number
}

const CODINGS = {
  u8: { tag: 1, bytes: 1 },
  s16: { tag: 1, bytes: 2 },
  s24: { tag: 1, bytes: 3 },
  s32: { tag: 1, bytes: 4 },
  f32: { tag: 3, bytes: 4 },
  f64: { tag: 3, bytes: 8 },
  mulaw: { tag: 7, bytes: 1 },
  alaw: { tag: 6, bytes: 1 },
} as const

export function encodeWav(recipe: WavRecipe): Buffer {
  const { samples, coding = 's16', before = [], after = [] } = recipe
  const { bytes } = CODINGS[coding]
  const data = Buffer.alloc(samples.length * bytes)
  for (let i = 0; i < samples.length; i++) writeSample(data, i * bytes, samples[i]!, coding)
  const chunks = [
    chunk('fmt ', formatOf(recipe)),
    ...before.map(([name, content]) => chunk(name, content)),
    chunk('data', data, recipe.declaredDataBytes),
    ...after.map(([name, content]) => chunk(name, content)),
  ]
  const body = Buffer.concat([Buffer.from('WAVE'), ...chunks])
  const head = Buffer.alloc(8)
  head.write('RIFF')
  head.writeUInt32LE(recipe.declaredRiffBytes ?? body.length, 4)
  return Buffer.concat([head, body])
}

export function chunk(name: string, content: Uint8Array, declaredBytes = content.length): Buffer {
  const head = Buffer.alloc(8)
  head.write(name, 'latin1')
  head.writeUInt32LE(declaredBytes, 4)
  return Buffer.concat([head, content, Buffer.alloc(content.length % 2)])
}

function formatOf({ coding = 's16', channels = 1, sampleRateHz = 16_000, extensible = false }: WavRecipe): Buffer {
  const { tag, bytes } = CODINGS[coding]
  const format = Buffer.alloc(extensible ? 40 : 16)
  format.writeUInt16LE(extensible ? 0xfffe : tag, 0)
  format.writeUInt16LE(channels, 2)
  format.writeUInt32LE(sampleRateHz, 4)
  format.writeUInt32LE(sampleRateHz * bytes * channels, 8)
  format.writeUInt16LE(bytes * channels, 12)
  format.writeUInt16LE(bytes * 8, 14)
  if (extensible) {
    format.writeUInt16LE(22, 16)
    format.writeUInt16LE(bytes * 8, 18)
    format.writeUInt16LE(tag, 24)
    format.write('000000001000800000aa00389b71', 26, 'hex')
  }
  return format
}

function writeSample(data: Buffer, at: number, value: number, coding: NonNullable<WavRecipe['coding']>): void {
  const whole = (bits: number) =>
    Math.max(-(2 ** (bits - 1)), Math.min(2 ** (bits - 1) - 1, Math.round(value * 2 ** (bits - 1))))
  if (coding === 'u8') data.writeUInt8(whole(8) + 128, at)
  else if (coding === 's16') data.writeInt16LE(whole(16), at)
  else if (coding === 's24') data.writeIntLE(whole(24), at, 3)
  else if (coding === 's32') data.writeInt32LE(whole(32), at)
  else if (coding === 'f32') data.writeFloatLE(value, at)
  else if (coding === 'f64') data.writeDoubleLE(value, at)
  else data.writeUInt8(coding === 'mulaw' ? mulawCode(value) : alawCode(value), at)
}

/** ITU-T G.711, µ-law: 14-bit magnitude with a bias of 33, its leading bit as the segment. */
function mulawCode(value: number): number {
  const magnitude = Math.min(8158, Math.round(Math.abs(value) * 8192)) + 33
  const segment = Math.floor(Math.log2(magnitude)) - 5
  return ~((value < 0 ? 0x80 : 0) | (segment << 4) | ((magnitude >> (segment + 1)) & 15)) & 0xff
}

/** ITU-T G.711, A-law: 12-bit magnitude without a bias. */
function alawCode(value: number): number {
  const magnitude = Math.min(4095, Math.floor(Math.abs(value) * 4096))
  const segment = Math.max(0, Math.floor(Math.log2(Math.max(magnitude, 1))) - 4)
  const mantissa = (magnitude >> Math.max(1, segment)) & 15
  return ((value < 0 ? 0 : 0x80) | (segment << 4) | mantissa) ^ 0x55
}
