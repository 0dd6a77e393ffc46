/** Recordings of three hours: refused by their heads, or where they say nothing, as soon as the limit is passed. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createReadStream, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { createAnalysisPool } from '../../src/media/analysis-pool.ts'
import { openFileSource } from '../../src/media/byte-source.ts'
import { decodeFile } from '../../src/media/decode.ts'
import { decodeWav } from '../../src/media/decode-wav.ts'
import { type FfmpegTools, findFfmpeg } from '../../src/media/ffmpeg-tools.ts'
import { loadFft } from '../../src/media/fft.ts'
import { analysisJob, RECORDING } from '../contracts/analyser-suite.ts'
import { NO_FFMPEG, temporaryFolder } from '../support/codecs.ts'

const THREE_HOURS_S = 3 * 3600
const folder = temporaryFolder()
const file = (name: string): string => join(folder, name)
const options = { maxDurationS: 3600, highestRateHz: 16_000, createFft: await loadFft() }
const refusal = (limit: string) => ({
  code: 'recording-too-long',
  retry: 'never',
  detail: `The recording is longer than ${limit}, which is the limit. Please send it in shorter parts.`,
})
const REFUSAL = refusal('60 minutes')

/** How far decoding came until it was refused: the shares that the checkpoint was told. */
async function refusalOf(path: string, tools: FfmpegTools | null): Promise<number[]> {
  const shares: number[] = []
  const checkpoint = (share: number) => void shares.push(share)
  await assert.rejects(decodeFile(path, { ...options, checkpoint }, tools), REFUSAL)
  return shares
}

describe('a WAV file of three hours', () => {
  const RATE_HZ = 16_000
  const dataBytes = THREE_HOURS_S * RATE_HZ * 2

  /** Really so long, and takes no room on the disk: a head, and a hole where the samples are. */
  function sparseWav(name: string, declaredDataBytes: number): string {
    const head = Buffer.alloc(44)
    readFileSync(RECORDING).copy(head, 0, 0, 44)
    assert.equal(head.toString('latin1', 36, 40), 'data')
    head.writeUInt32LE(declaredDataBytes, 40)
    writeFileSync(file(name), head)
    truncateSync(file(name), 44 + dataBytes)
    return file(name)
  }

  for (const [name, declared] of [
    ['that says so', dataBytes],
    ['whose length was never filled in', 0xffffffff],
  ] as const) {
    test(`${name}: is refused when its head was read, and not a sample`, async () => {
      const path = sparseWav(`${declared}.wav`, declared)
      assert.deepEqual(await refusalOf(path, null), [])
      using source = openFileSource(path)
      let lastByteRead = 0
      const watched = {
        size: source.size,
        read(target: Uint8Array, position: number) {
          lastByteRead = Math.max(lastByteRead, position + target.length)
          return source.read(target, position)
        },
      }
      assert.throws(() => decodeWav(watched, options), REFUSAL)
      assert.ok(lastByteRead <= 4096, `read up to byte ${lastByteRead}`)
    })
  }
})

interface Coding {
  readonly name: string
  readonly extension: string
  /** Of ffmpeg: of the encoder, and of the container. */
  readonly encode: readonly string[]
  readonly mux?: readonly string[]
  /** Of what is decoded. */
  readonly rateHz: number
}
const OPUS = ['-c:a', 'libopus', '-b:a', '12k', '-frame_duration', '60']
const AAC = ['-c:a', 'aac', '-b:a', '12k']
const OPEN: readonly Coding[] = [
  { name: 'Opus in Ogg', extension: 'opus', rateHz: 48_000, encode: OPUS },
  { name: 'Opus in WebM', extension: 'webm', rateHz: 48_000, encode: OPUS },
  { name: 'AAC in M4A', extension: 'm4a', rateHz: 8000, encode: AAC },
]
/** In FLAC even the times in the packets begin anew. */
const HIDDEN: readonly Coding[] = [
  {
    name: 'MP3 without a Xing head',
    extension: 'mp3',
    rateHz: 8000,
    encode: ['-b:a', '8k'],
    mux: ['-write_xing', '0'],
  },
  { name: 'AAC in ADTS', extension: 'aac', rateHz: 8000, encode: AAC },
  {
    name: 'Opus in WebM as a browser streams it',
    extension: 'live.webm',
    rateHz: 48_000,
    encode: OPUS,
    mux: ['-live', '1'],
  },
  {
    name: 'FLAC whose head says half a minute',
    extension: 'half-minute.flac',
    rateHz: 8000,
    encode: ['-af', 'volume=0.001'],
  },
]

function ffmpeg(args: readonly string[]): void {
  execFileSync('ffmpeg', ['-v', 'error', '-nostdin', '-y', ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
}

/** Three hours in a second: the packets of half a minute of speech, again and again. */
function threeHours({ extension, encode, mux = [] }: Coding): string {
  const half = file(`half-minute.${extension}`)
  const whole = file(`three-hours.${extension}`)
  ffmpeg(['-stream_loop', '-1', '-i', RECORDING, '-t', '30', '-ar', '8000', ...encode, ...mux, half])
  ffmpeg(['-stream_loop', `${THREE_HOURS_S / 30}`, '-i', half, '-c', 'copy', ...mux, whole])
  return whole
}

/** Silence, as its head has to be written by the encoder. */
function threeHoursOfFlac(): string {
  const path = file('three-hours.flac')
  ffmpeg(['-f', 'lavfi', '-i', 'anullsrc=r=8000:cl=mono', '-t', `${THREE_HOURS_S}`, path])
  return path
}

describe('a compressed file of three hours that says so', { skip: NO_FFMPEG }, () => {
  const cases = [...OPEN.map((coding) => ({ name: coding.name, make: () => threeHours(coding) }))]
  for (const { name, make } of [...cases, { name: 'FLAC', make: threeHoursOfFlac }]) {
    test(`${name}: is refused before a decoder is started`, async () => {
      // A program that cannot be started is an error of its own: it would be seen.
      const shares = await refusalOf(make(), { ...findFfmpeg()!, ffmpeg: file('no-such-program') })
      assert.ok(shares.every((share) => share === 0))
    })
  }

  test('it comes out of the pool with the same sentence, and no share of the work was reported as done', async () => {
    const pool = createAnalysisPool({ threads: 1, maxDurationS: options.maxDurationS, timeoutMs: 60_000 })
    try {
      const shares: number[] = []
      const onProgress = (share: number) => void shares.push(share)
      const recording = createReadStream(threeHours(OPEN.at(-1)!))
      await assert.rejects(pool.analyse(analysisJob(recording, { onProgress })), REFUSAL)
      assert.ok(shares.length > 0 && shares.every((share) => share === 0))
    } finally {
      await pool.close()
    }
  })
})

describe('a compressed file of three hours that hides its length', { skip: NO_FFMPEG }, () => {
  const maxDurationS = 600
  for (const coding of HIDDEN) {
    test(`${coding.name}: is decoded up to the limit and little further`, async () => {
      const { tools, bytesWritten } = meteredFfmpeg(coding.extension)
      await assert.rejects(decodeFile(threeHours(coding), { ...options, maxDurationS }, tools), refusal('10 minutes'))
      const seconds = bytesWritten() / 4 / coding.rateHz
      assert.ok(seconds > 0, 'the meter saw nothing')
      assert.ok(seconds < 1.1 * maxDurationS, `${seconds} s were decoded`)
    })
  }
})

/** ffmpeg that notes on its way how much sound it has written; `prlimit` would not let it write that down. */
function meteredFfmpeg(name: string): { tools: FfmpegTools; bytesWritten: () => number } {
  const { ffmpeg: program, ffprobe } = findFfmpeg()!
  const notes = file(`notes-${name}`)
  const path = file(`metered-${name}`)
  writeFileSync(path, `#!/bin/sh\nexec ${program} -stats_period 0.01 -progress file:${notes} "$@"\n`, { mode: 0o755 })
  return {
    tools: { ffmpeg: path, ffprobe },
    bytesWritten() {
      const sizes = readFileSync(notes, 'latin1').matchAll(/^total_size=(\d+)$/gm)
      return Math.max(0, ...Array.from(sizes, ([, size]) => Number(size)))
    },
  }
}
