/** References on real threads: their faults fail nobody's analysis, and their way is told. */
import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { isKeptTrack } from '../../src/analysis/kept-track.ts'
import { createAnalysisPool } from '../../src/media/analysis-pool.ts'
import type { AnalysisJob, AnalysisReference } from '../../src/ports.ts'
import { analysisJob, RECORDING } from '../contracts/analyser-suite.ts'
import { glide, soundOf } from '../unit/analysis/signals.ts'
import { encodeWav } from '../unit/media/wav-files.ts'

const NOTHING: AnalysisReference = { textGrid: null, pitch: null, computedPitch: null, audio: null }

function openPool(options: Partial<Parameters<typeof createAnalysisPool>[0]> = {}) {
  const pool = createAnalysisPool({ threads: 1, maxDurationS: 60, timeoutMs: 30_000, ...options })
  after(() => pool.close())
  return pool
}
const pool = openPool()

async function analyse(reference: Partial<AnalysisReference>, more: Partial<AnalysisJob> = {}, on = pool) {
  const job = analysisJob(createReadStream(RECORDING), { reference: { ...NOTHING, ...reference }, ...more })
  const outcome = await on.analyse(job)
  return { ...outcome, result: JSON.parse(outcome.result) }
}

test('a reference recording that cannot be used fails no analysis, and the outcome says why', async () => {
  const tooLong = encodeWav({ samples: soundOf(61, 8000, glide(100, 200, 61)).samples, sampleRateHz: 8000 })
  const cases: [Partial<AnalysisReference>, string][] = [
    [{ audio: Readable.from([Buffer.from('no recording')]) }, 'recording-undecodable'],
    [{ audio: Readable.from([tooLong]) }, 'recording-too-long'],
    [{ pitch: Buffer.from('time,f0\n0,5000\n') }, 'reference-invalid'],
    [{ textGrid: Buffer.from('hello'), audio: createReadStream(RECORDING) }, 'reference-invalid'],
  ]
  for (const [reference, code] of cases) {
    const { durationS, result, referenceFault } = await analyse(reference)
    assert.equal(durationS, 5.362)
    assert.deepEqual([result.comparison.score, result.comparison.reason], [null, 'reference-unusable'])
    assert.equal(referenceFault?.code, code)
    assert.match(referenceFault.detail, /\.$/)
  }
})

test('a reference recording that takes more than half of the time is given up, and the learner’s is analysed', async () => {
  const part = encodeWav({ samples: soundOf(30, 8000, glide(100, 200, 30)).samples, sampleRateHz: 8000 })
  // The reader takes what is there for what is declared.
  part.writeUInt32LE(0xffffffff, 40)
  const long = Readable.from([part, ...Array.from({ length: 99 }, () => part.subarray(44))])
  const hasty = openPool({ maxDurationS: 3600, timeoutMs: 5000 })
  const { result, referenceFault } = await analyse({ audio: long }, {}, hasty)
  assert.deepEqual([referenceFault?.code, result.comparison.reason], ['analysis-timeout', 'reference-unusable'])
})

test('the way with a reference is told phase by phase, and its end last', async () => {
  const notes: [share: number, message: string][] = []
  await analyse({ audio: createReadStream(RECORDING) }, { onProgress: (...note) => void notes.push(note) })
  assert.deepEqual(
    [...new Set(notes.map(([, message]) => message))],
    [
      'Reading the reference',
      'Decoding the recording',
      'Tracking pitch',
      'Measuring intensity',
      'Comparing with the reference',
      'The analysis is done',
    ],
  )
  const shares = notes.map(([share]) => share)
  assert.deepEqual(
    shares,
    shares.toSorted((a, b) => a - b),
  )
  assert.deepEqual([shares[0], shares.at(-1)], [0, 1])
})

for (const mode of ['robust', 'praat'] as const) {
  test(`in mode ${mode} the reference is tracked as the recording is, and a kept track compares alike`, async () => {
    const own = openPool({ mode })
    assert.equal(own.mode, mode)
    const first = await analyse({ audio: createReadStream(RECORDING) }, {}, own)
    assert.deepEqual([first.result.pitch.mode, first.result.comparison.score], [mode, 100])
    assert.ok(first.computedPitch !== undefined && isKeptTrack(first.computedPitch))
    const second = await analyse({ computedPitch: first.computedPitch }, {}, own)
    assert.equal(second.computedPitch, undefined)
    assert.deepEqual(second.result, first.result)
  })
}

test('a full pool refuses, and leaves neither of the streams open', async () => {
  const narrow = openPool({ maxWaiting: 0 })
  const first = narrow.analyse(analysisJob(createReadStream(RECORDING)))
  const streams = [createReadStream(RECORDING), createReadStream(RECORDING)] as const
  const job = analysisJob(streams[0], { reference: { ...NOTHING, audio: streams[1] } })
  await assert.rejects(narrow.analyse(job), { code: 'analysis-failed', retry: 'later' })
  assert.deepEqual(
    streams.map(({ destroyed }) => destroyed),
    [true, true],
  )
  await first
})

test('a reference stream that breaks while the recording comes in ends the job as an outage, not the process', async () => {
  const audio = new Readable({ read() {} })
  const recording = new Readable({ read() {} })
  const analysis = pool.analyse(analysisJob(recording, { reference: { ...NOTHING, audio } }))
  audio.destroy(new Error('connection reset'))
  audio.on('close', () => {
    for (const chunk of [Buffer.from('RIFF'), null]) recording.push(chunk)
  })
  await assert.rejects(analysis, { code: 'storage-unavailable', retry: 'later' })
})
