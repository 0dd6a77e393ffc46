/** Damaged and hostile inputs through the real pool of threads: each ends in time, as a result or as a final error. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { isFinal } from '../../src/domain/errors.ts'
import type { Result } from '../../src/domain/result.ts'
import { type AnalysisPool, createAnalysisPool } from '../../src/media/analysis-pool.ts'
import { CODINGS, ffmpeg, SPEECH, WAV_CODINGS } from './codings.ts'
import { type Damaged, damage } from './damage.ts'
import type { Figures } from './figures.ts'
import { createRandom } from './random.ts'
import { writeWav } from './wav-writer.ts'

const THREADS = 2
const TIMEOUT_S = 20
const SECONDS = 1.2
const RATE_HZ = 16_000
const HEAD_BYTES = 44
/** Draws of damage to a plain WAV file: it is all there is where ffmpeg is missing. */
const DRAWS = { withFfmpeg: 2, without: 16 }

export async function reportHostile(
  folder: string,
  seed: number,
  withFfmpeg: boolean,
  figures: Figures,
): Promise<void> {
  const plain = readFileSync(SPEECH).subarray(0, HEAD_BYTES + 2 * SECONDS * RATE_HZ)
  const draws = withFfmpeg ? DRAWS.withFfmpeg : DRAWS.without
  const inputs = [
    ...Array.from({ length: draws }, (_, i) => damage('plain WAV', plain, seed + i)).flat(),
    ...(withFfmpeg ? codedInputs(folder, seed) : []),
    ...falsehoods(plain),
    ...edges(folder, seed),
  ]
  const pool = createAnalysisPool({ threads: THREADS, maxDurationS: 3600, timeoutMs: 1000 * TIMEOUT_S })
  const outcomes: Record<string, number> = {}
  const untyped: string[] = []
  let [slowestS, next] = [0, 0]
  const feed = async () => {
    while (next < inputs.length) {
      const { name, bytes } = inputs[next++]!
      const began = performance.now()
      const outcome = await outcomeOf(pool, name, bytes)
      slowestS = Math.max(slowestS, (performance.now() - began) / 1000)
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
      if (outcome === 'untyped') untyped.push(name)
    }
  }
  try {
    await Promise.all(Array.from({ length: THREADS }, feed))
  } finally {
    await pool.close()
  }
  const most = { bound: 'most' } as const
  figures.add(
    { name: 'hostile/inputs', value: inputs.length, unit: 'inputs', target: 200, bound: 'least' },
    { outcomes },
  )
  const wrong = { name: 'hostile/untyped-outcomes', value: untyped.length, unit: 'inputs', target: 0 }
  figures.add({ ...wrong, ...most }, { inputs: untyped })
  figures.add({ name: 'hostile/slowest-s', value: slowestS, unit: 's', target: TIMEOUT_S, ...most })
}

/** The error's code, `result` or `damaged` for a sound result, and `untyped` for what must not be. */
async function outcomeOf(pool: AnalysisPool, name: string, bytes: Buffer): Promise<string> {
  const signal = new AbortController().signal
  const recording = Readable.from([bytes], { objectMode: false })
  try {
    const job = { jobId: `bench-${name.replaceAll(/\W+/g, '-')}`, tokenId: null, recording, signal, onProgress() {} }
    const { durationS, result } = await pool.analyse(job)
    const said: Result = JSON.parse(result)
    if (!(durationS > 0 && isWhole(said))) return 'untyped'
    return said.quality.flags.includes('damaged') ? 'damaged' : 'result'
  } catch (error) {
    // What a thread did not foresee comes as an error that may be tried again.
    return isFinal(error) ? error.code : 'untyped'
  }
}

/** JSON turns a NaN into null: nothing that is always a number may be null. */
function isWhole({ duration_s, quality, pitch, intensity, timing }: Result): boolean {
  const single = [duration_s, quality.clipping_ratio, pitch.start_s, pitch.step_s, pitch.floor_hz, pitch.ceiling_hz]
  const pauses = timing.pauses.flatMap(({ start_s, end_s }) => [start_s, end_s])
  const levels = intensity === null ? [] : [intensity.start_s, intensity.step_s, ...intensity.values_db]
  return [...single, ...pauses, ...levels].every((value) => Number.isFinite(value))
}

/** Every coding: each damage there is, and its head alone. */
function codedInputs(folder: string, seed: number): Damaged[] {
  return [...CODINGS, ...WAV_CODINGS].flatMap(({ name, extension, args }, i) => {
    const path = join(folder, `hostile.${extension}`)
    ffmpeg(['-i', SPEECH, '-t', `${SECONDS}`, ...args, path])
    const whole = readFileSync(path)
    return [...damage(name, whole, seed + i), { name: `${name}, head only`, bytes: whole.subarray(0, HEAD_BYTES) }]
  })
}

/** What is no recording, and WAV heads that do not tell the truth. */
function falsehoods(plain: Buffer): Damaged[] {
  const texts = ['', ' ', 'hello', '<html></html>', '{"a":1}', '%PDF-1.7', '#EXTM3U\nfile:///etc/hostname', 'ID3', 'PK']
  const files = [...texts.map((text) => Buffer.from(text)), Buffer.alloc(5000), Buffer.alloc(5000, 0xff)]
  const noRecordings = files.map((bytes, i) => ({ name: `no recording ${i}`, bytes }))
  const fields = { riffBytes: 4, formatBytes: 16, rateHz: 24, byteRate: 28, dataBytes: 40 }
  const heads = Object.entries(fields).flatMap(([field, at]) =>
    [0, 0x7fff_ffff, 0xffff_fff0, 0xffff_ffff].map((value) => {
      const bytes = Buffer.from(plain)
      bytes.writeUInt32LE(value, at)
      return { name: `${field} of ${value}`, bytes }
    }),
  )
  return [...noRecordings, ...heads, { name: 'head only', bytes: plain.subarray(0, HEAD_BYTES) }]
}

/** Whole files whose sound is at the edge of what is sound. */
function edges(folder: string, seed: number): Damaged[] {
  const random = createRandom(seed)
  const signals: Readonly<Record<string, (i: number) => number>> = {
    'digital silence': () => 0,
    'deep silence': (i) => (i % 2) / 32_768,
    'a constant': () => 0.9,
    'noise of full scale': () => 2 * random.next() - 1,
    'a square of full scale': (i) => (i % 160 < 80 ? 1 : -1),
    'a click': (i) => (i === 8000 ? 1 : 0),
  }
  return Object.entries(signals).flatMap(([name, signal]) =>
    [1, 100, 2 * RATE_HZ].map((length) => {
      const path = join(folder, 'edge.wav')
      writeWav(
        path,
        Float32Array.from({ length }, (_, i) => signal(i)),
        RATE_HZ,
      )
      return { name: `${name}, ${length} samples`, bytes: readFileSync(path) }
    }),
  )
}
