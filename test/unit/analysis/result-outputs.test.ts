/** What a result looks like as a TextGrid, a PitchTier and a drawing; Praat itself is asked where it is installed. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { compare } from '../../../src/analysis/compare.ts'
import { parsePitchFile } from '../../../src/analysis/pitch-file.ts'
import { formatResultPitchTier } from '../../../src/analysis/result-pitchtier.ts'
import { formatResultSvg } from '../../../src/analysis/result-svg.ts'
import { formatResultTextGrid } from '../../../src/analysis/result-textgrid.ts'
import { parseTextGrid, type TextGrid } from '../../../src/analysis/text-grid.ts'
import type { Comparison } from '../../../src/domain/comparison.ts'
import { type Analysis, type Result, toResult } from '../../../src/domain/result.ts'
import { contourOf, imitationOf, referenceOf, sentence } from './contours.ts'
import { praatVersion } from './praat.ts'

const folder = mkdtempSync(join(tmpdir(), 'tonewire-outputs-'))
after(() => rmSync(folder, { recursive: true }))

const { durationS, tune } = sentence(4)
const model = contourOf(durationS, tune)
const learner = contourOf(1.2 * durationS, (timeS) => tune(timeS / 1.2), 120)

const HOSTILE = '</text><script>alert(1)</script> "&\u0001\ud800'
const GRID: TextGrid = {
  startS: 0,
  endS: durationS,
  tiers: [
    {
      kind: 'intervals',
      name: 'words',
      intervals: [
        { startS: 0, endS: 0.5, label: '' },
        { startS: 0.5, endS: 1, label: 'good "morning"' },
        { startS: 1, endS: 1.0001, label: 'no time' },
        { startS: 1.0001, endS: durationS, label: HOSTILE },
      ],
    },
    {
      kind: 'points',
      name: 'clicks',
      points: [
        { timeS: 0.6, label: 'a' },
        { timeS: 0.6, label: 'b' },
      ],
    },
    { kind: 'intervals', name: 'empty', intervals: [] },
  ],
}

function resultOf(comparison?: Comparison, pitch = learner): Result {
  const lengthS = pitch.f0Hz.length * pitch.stepS
  const valuesDb = Float64Array.from({ length: Math.max(0, Math.floor(lengthS / 0.008) - 8) }, (_, i) =>
    i * 0.008 < 0.3 ? 20 : 70,
  )
  const analysis: Analysis = {
    durationS: lengthS,
    codec: 'pcm',
    sampleRateHz: 16_000,
    channels: 1,
    quality: { clippingRatio: 0, silenceRatio: 0.1, signalToNoiseDb: null, flags: [], advice: [] },
    loudness: { integratedLufs: null, truePeakDbtp: null },
    pitch: {
      ...pitch,
      mode: 'robust',
      floorHz: 75,
      ceilingHz: 600,
      medianHz: 120,
      rangeSemitones: 9,
      voicedRatio: 0.6,
    },
    intensity: valuesDb.length === 0 ? null : { startS: 0.032, stepS: 0.008, valuesDb },
    waveform: { stepS: lengthS / 3, peaks: [0.1, 0.723, 0] },
    timing: { speechS: 2, pauses: [{ startS: 1, endS: 1.4 }], nucleiS: [0.5, 1.5] },
  }
  return toResult({ jobId: null, tokenId: 'greeting-1', comparison }, analysis)
}

const comparison = compare(imitationOf(learner), referenceOf(model, GRID))
const result = resultOf(comparison)
const unscored = resultOf({ score: null, reason: 'too-little-voice' })
const bytesOf = (text: string) => new TextEncoder().encode(text)

test("a comparison's wire shape has each interval with a label, where the learner says it", () => {
  const wire = result.comparison!
  assert.deepEqual([wire.token_id, wire.reason, wire.score! > 90], ['greeting-1', null, true])
  assert.deepEqual(
    wire.intervals.map(({ tier, label }) => [tier, label]),
    [
      ['words', 'good "morning"'],
      ['words', 'no time'],
      ['words', HOSTILE],
    ],
  )
  const [morning, noTime] = wire.intervals
  assert.ok(Math.abs(morning!.start_s - 0.6) < 0.05 && Math.abs(morning!.end_s - 1.2) < 0.05)
  assert.deepEqual([morning!.direction, noTime!.direction, noTime!.score], ['match', null, null])
  assert.ok(Math.abs(morning!.duration_ratio - 1.2) < 0.15)
  assert.deepEqual(unscored.comparison, {
    token_id: 'greeting-1',
    score: null,
    reason: 'too-little-voice',
    components: null,
    alignment: [],
    intervals: [],
    points: [],
    reference_pitch: null,
  })
  assert.equal(resultOf().comparison?.reason, 'no-reference')
})

test('a direction names what the learner did in one interval of many', () => {
  const intervals = [0, 1, 2, 3, 4, 5].map((i) => ({ startS: i, endS: i + 1, label: 'x' }))
  const grid: TextGrid = { startS: 0, endS: 6, tiers: [{ kind: 'intervals', name: 'a', intervals }] }
  const sung = (size: number, level = 0) =>
    contourOf(6, (timeS) => {
      if (timeS % 1 > 0.8) return undefined
      const wave = Math.sin((2 * Math.PI * (timeS % 1)) / 0.8)
      return timeS < 5 ? 3 * wave : level + size * wave
    })
  const directionOf = (imitation: ReturnType<typeof sung>) => {
    const compared = compare(imitationOf(imitation), referenceOf(sung(3), grid))
    return compared.score === null ? null : compared.intervals[5]!.direction
  }
  assert.equal(directionOf(sung(3)), 'match')
  assert.equal(directionOf(sung(3, 5)), 'higher')
  assert.equal(directionOf(sung(3, -5)), 'lower')
  assert.equal(directionOf(sung(0.5)), 'flatter')
  assert.equal(directionOf(sung(7)), 'wider')
})

test("the TextGrid has the reference's tiers in the learner's time, and the silences", () => {
  const { endS, tiers } = parseTextGrid(bytesOf(formatResultTextGrid(result)))
  assert.equal(endS, result.duration_s)
  assert.deepEqual(
    tiers.map(({ name }) => name),
    ['words', 'clicks', 'silences'],
  )
  const [words, clicks, silences] = tiers
  assert.ok(words?.kind === 'intervals' && clicks?.kind === 'points' && silences?.kind === 'intervals')
  assert.ok(
    Math.abs(words.intervals[1]!.startS - 0.6) < 0.05 && words.intervals.every((each) => each.endS > each.startS),
  )
  assert.ok(clicks.points[1]!.timeS > clicks.points[0]!.timeS)
  assert.deepEqual(
    silences.intervals.map(({ label }) => label),
    ['silent', 'sounding'],
  )
})

test('without a score the TextGrid has the silences alone, and without an intensity one empty interval', () => {
  const names = (text: string) => parseTextGrid(bytesOf(text)).tiers.map(({ name }) => name)
  const unlabelled = resultOf(compare(imitationOf(learner), referenceOf(model)))
  assert.deepEqual(names(formatResultTextGrid(unscored)), ['silences'])
  assert.deepEqual(names(formatResultTextGrid(unlabelled)), ['silences'])
  assert.deepEqual(names(formatResultTextGrid({ duration_s: result.duration_s })), ['silences'])
})

test('the PitchTier has a point for every voiced frame', () => {
  const contour = parsePitchFile(bytesOf(formatResultPitchTier(result)))
  const voiced = learner.f0Hz.filter((f0) => f0 > 0)
  assert.equal(contour.f0Hz.filter((f0) => f0 > 0).length, voiced.length)
  assert.ok(Math.abs(contour.f0Hz[0]! - voiced[0]!) < 1e-4)
})

test('what is written opens in Praat', { skip: praatVersion() === undefined && 'praat is not installed' }, () => {
  const files = {
    'mapped.TextGrid': formatResultTextGrid(result),
    'bare.TextGrid': formatResultTextGrid({ duration_s: result.duration_s }),
    'voice.PitchTier': formatResultPitchTier(result),
    'silent.PitchTier': formatResultPitchTier({ ...result, pitch: { ...result.pitch, f0_hz: [null, null] } }),
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  writeFileSync(
    join(folder, 'open.praat'),
    `writeInfoLine: "opened"
Read from file: "mapped.TextGrid"
n = Get number of tiers
label$ = Get label of interval: 1, 2
points = Get number of points: 2
appendInfoLine: n, " ", label$, " ", points
Read from file: "bare.TextGrid"
n = Get number of intervals: 1
appendInfoLine: n
Read from file: "voice.PitchTier"
n = Get number of points
appendInfoLine: n
Read from file: "silent.PitchTier"
n = Get number of points
appendInfoLine: n
`,
  )
  const said = execFileSync('praat', ['--run', join(folder, 'open.praat')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const voiced = result.pitch.f0_hz.filter((f0) => f0 !== null).length
  assert.equal(said, `opened\n3 good "morning" 2\n1\n${voiced}\n0\n`)
})

test('a drawing has both melodies, the labels, the pause and the score, for light and dark pages', () => {
  const svg = formatResultSvg(result)
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox=/)
  assert.match(svg, /@media \(prefers-color-scheme:dark\)/)
  assert.match(svg, /class="contour learner" d="M\d[^"]{500}/)
  assert.match(svg, /class="contour reference" d="M\d[^"]{500}/)
  assert.match(svg, />good &#34;morning&#34;</)
  assert.match(svg, /<title>pause of 0\.40 s<\/title>/)
  assert.match(svg, new RegExp(`>Score ${result.comparison!.score}<`))
})

test('nothing in a label gets out of its place, and no character that XML forbids gets in', () => {
  const svg = formatResultSvg(result)
  assert.ok(!svg.includes('<script') && !svg.includes('\u0001'))
  assert.ok(svg.isWellFormed())
  const tags = svg.replace(/<(path|rect|text|tspan|title|desc|g|style|svg)( [a-zA-Z-]+="[^"<]*")*\/?>|<\/\w+>/g, '')
  assert.ok(!/[<>]/.test(tags.replace(/<style>.*<\/style>/, '')), 'only known tags')
  assert.ok(!/NaN|undefined|Infinity/.test(svg))
})

test('a drawing is bounded however long the recording is, and drawn even of nothing', () => {
  const hour = contourOf(3600, (timeS) => (timeS % 1 < 0.7 ? Math.sin(timeS) : undefined))
  const long = resultOf({ score: null, reason: 'too-long' }, hour)
  const pauses = Array.from({ length: 9000 }, (_, i) => ({ start_s: i * 0.4, end_s: i * 0.4 + 0.2 }))
  const svg = formatResultSvg({ ...long, timing: { ...long.timing, pauses } })
  assert.ok(svg.length < 120_000, String(svg.length))
  const nothing = resultOf(undefined, { startS: 0, stepS: 0.01, f0Hz: new Float64Array(2) })
  const empty = formatResultSvg({ ...nothing, pitch: { ...nothing.pitch, median_hz: null } })
  assert.match(empty, />no voice</)
  assert.ok(!/NaN|undefined|Infinity/.test(empty))
})
