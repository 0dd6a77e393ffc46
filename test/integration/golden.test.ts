/**
 * Whole results of the example recordings, as jobs get them from the pool, against results that are kept in
 * fixtures/golden; the tolerance of each field is in golden-results.ts. After a change that is meant to change them:
 *
 *   GOLDEN_RENEW=1 npm test -- test/integration/golden.test.ts
 *
 * writes them anew; the difference to the old ones is what is to be judged.
 *
 * What they were checked against, outside of this code, on the same files:
 *
 * - Praat 6.3.07 (mode praat): duration, number of frames, of voiced frames and of intensity frames, and the ends of
 *   pauses are equal to 1e-6 s; the median of F0 differs by at most 0.007 cents, intensity by less than 0.001 dB. The
 *   last tests here hold them against Praat's figures in test/unit/analysis/fixtures/praat.json.
 * - Praat 6.3.07 (mode robust, which is no copy of it): the median differs by 5.2 (queue-en), 0.9 (number-fr) and 13.2
 *   cents (number-it); duration, pauses and intensity are those of mode praat.
 * - ffmpeg's ebur128: loudness and true peak agree to its tenth of a decibel.
 * - Comparisons have no other program to ask: with itself at nine tenths of its tempo and F0 a recording has a
 *   `timing_ratio` of 0.9 (0.901, 0.9, 0.924), with Praat's own pitch of it a score of 100.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { createAnalysisPool } from '../../src/media/analysis-pool.ts'
import type { AnalysisReference } from '../../src/ports.ts'
import { analysisJob } from '../contracts/analyser-suite.ts'
import { ROOT } from '../support/processes.ts'
import { keptFigures } from '../unit/analysis/praat.ts'
import { differences, type Fields, fieldsOf } from './golden-results.ts'

const RECORDINGS = ['queue-en', 'number-fr', 'number-it'] as const
const GOLDEN = join(import.meta.dirname, 'fixtures/golden')
const RENEW = process.env.GOLDEN_RENEW === '1'

const limits = { threads: 1, maxDurationS: 600, timeoutMs: 60_000 }
const pools = {
  robust: createAnalysisPool({ ...limits, mode: 'robust' }),
  praat: createAnalysisPool({ ...limits, mode: 'praat' }),
}
after(() => Promise.all([pools.robust.close(), pools.praat.close()]))

const bytesOf = (name: string): Buffer => readFileSync(join(ROOT, 'examples/recordings', `${name}.wav`))

async function analyse(mode: keyof typeof pools, name: string, reference: Partial<AnalysisReference> | null = null) {
  const none = { textGrid: null, pitch: null, computedPitch: null, audio: null }
  const recording = Readable.from([bytesOf(name)])
  const job = analysisJob(recording, { tokenId: null, reference: reference && { ...none, ...reference } })
  const { comparison, ...result } = JSON.parse((await pools[mode].analyse(job)).result)
  return { result: fieldsOf(result), comparison: fieldsOf({ comparison }) }
}

/** The values that are kept under a name; what was found becomes them when they are renewed. */
function golden(name: string, found: Fields): Fields {
  const path = join(GOLDEN, `${name}.json`)
  if (RENEW) writeFileSync(path, `${JSON.stringify(found, null, 2)}\n`)
  return JSON.parse(readFileSync(path, 'utf8'))
}

function assertGolden(name: string, found: Fields): void {
  const different = differences(golden(name, found), found)
  assert.ok(different.length === 0, `${name} is not as it was kept:\n${different.join('\n')}`)
}

/** The same speech at nine tenths of its tempo and F0: played at a lower rate. */
function slowed(name: string): Buffer {
  const bytes = bytesOf(name)
  bytes.writeUInt32LE(14_400, 24)
  bytes.writeUInt32LE(28_800, 28)
  return bytes
}

/** Thirds of a reference of that duration. */
function textGridOf(durationS: number): Buffer {
  const times = [0, 1, 2, 3].map((i) => ((i * durationS) / 3).toFixed(3))
  const rows = ['begin', 'middle', 'end'].map((label, i) => `${times[i]} ${times[i + 1]} "${label}"`)
  const head = ['File type = "ooTextFile"', 'Object class = "TextGrid"', '', `0 ${times[3]} <exists> 1`]
  return Buffer.from([...head, `"IntervalTier" "thirds" 0 ${times[3]} 3`, ...rows, ''].join('\n'))
}

const figures = keptFigures()

/** Praat's own pitch of a recording, as a teacher sends it. */
function praatPitch(name: string): Buffer {
  const { startS, stepS, f0Hz } = figures[name]!.pitch
  const rows = f0Hz.map((f0, i) => `${(startS + i * stepS).toFixed(6)},${f0 > 0 ? f0 : ''}`)
  return Buffer.from(`time_s,f0_hz\n${rows.join('\n')}\n`)
}

for (const [i, name] of RECORDINGS.entries()) {
  for (const mode of ['robust', 'praat'] as const) {
    test(`${name} in mode ${mode} has the result that is kept`, async () => {
      const { result } = await analyse(mode, name)
      assertGolden(`${name}.${mode}`, result)
    })
  }

  test(`${name} has the comparisons that are kept, and a reference changes nothing else of its result`, async () => {
    const { result } = await analyse('robust', name)
    const textGrid = textGridOf(Number(result.duration_s) / 0.9)
    const tempo = await analyse('robust', name, { audio: Readable.from([slowed(name)]), textGrid })
    assertGolden(`${name}.slowed`, tempo.comparison)
    const other = RECORDINGS[(i + 1) % RECORDINGS.length]!
    const foreign = await analyse('robust', name, { audio: Readable.from([bytesOf(other)]) })
    assertGolden(`${name}.other-sentence`, foreign.comparison)
    assert.deepEqual([tempo.result, foreign.result], [result, result])
  })

  test(`${name} is tracked as Praat does where the reference is a pitch file, and Praat's own fits it`, async () => {
    const { result } = await analyse('praat', name)
    const own = await analyse('robust', name, { pitch: praatPitch(name) })
    assert.deepEqual(own.result, result)
    assertGolden(`${name}.own-pitch`, own.comparison)
    assert.equal(own.comparison['comparison.score'], 100)
  })

  test(`what is kept of ${name} is what Praat says of it`, () => {
    const { pitch, intensity, stretches } = figures[name]!
    const kept: Fields = JSON.parse(readFileSync(join(GOLDEN, `${name}.praat.json`), 'utf8'))
    const pauses = stretches.slice(1, -1).filter(({ sounding }) => !sounding)
    const speechS = stretches.reduce((sum, { startS, endS, sounding }) => sum + (sounding ? endS - startS : 0), 0)
    const voiced = pitch.f0Hz.filter((f0) => f0 > 0).toSorted((a, b) => a - b)
    const praat = fieldsOf({
      duration_s: stretches.at(-1)!.endS,
      pitch: {
        start_s: pitch.startS,
        step_s: pitch.stepS,
        f0_hz: pitch.f0Hz.map((f0) => (f0 > 0 ? f0 : null)),
        median_hz: (voiced[Math.floor((voiced.length - 1) / 2)]! + voiced[Math.floor(voiced.length / 2)]!) / 2,
        voiced_ratio: Number((voiced.length / pitch.f0Hz.length).toFixed(4)),
      },
      intensity: { start_s: intensity.startS, step_s: intensity.stepS, values_db: intensity.valuesDb },
      timing: { speech_s: speechS, pauses: pauses.map(({ startS, endS }) => ({ start_s: startS, end_s: endS })) },
    })
    const shared = Object.fromEntries(Object.keys(praat).map((path) => [path, kept[path] ?? null]))
    assert.deepEqual(differences(praat, shared), [])
  })
}

test('what differs by more than its tolerance is named with both values and the tolerance', () => {
  const kept = { 'pitch.median_hz': 200, duration_s: 2, codec: 'opus', 'pitch.f0_hz[50]': null }
  const near = { ...kept, 'pitch.median_hz': 200.05, duration_s: 2.001 }
  assert.deepEqual(differences(kept, near), [])
  const far = { 'pitch.median_hz': 200.06, duration_s: 2.002, codec: 'mp3', 'pitch.f0_hz[50]': 99.5 }
  assert.deepEqual(differences(kept, far), [
    'pitch.median_hz: kept 200, found 200.06, tolerance ±0.5 cents',
    'duration_s: kept 2, found 2.002, tolerance ±0.001 s',
    'codec: kept "opus", found "mp3", tolerance exact',
    'pitch.f0_hz[50]: kept null, found 99.5, tolerance ±0.5 cents',
  ])
  assert.deepEqual(differences({ version: 1 }, {}), ['version: kept 1, found nothing, tolerance exact'])
  assert.throws(() => differences({}, { surprise: 1 }), /surprise has no tolerance/)
})
