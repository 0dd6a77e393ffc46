/** Results of third parties: what is formatted although parts are missing, and what is refused with which sentence. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Compile } from 'typebox/compile'
import { compare } from '../../../src/analysis/compare.ts'
import { formatResult } from '../../../src/analysis/format-result.ts'
import { AppError } from '../../../src/domain/errors.ts'
import { toResult } from '../../../src/domain/result.ts'
import { type DerivedFormat, RESULT_FORMATS } from '../../../src/domain/result-formats.ts'
import { resultSchema } from '../../../src/domain/result-schema.ts'
import { contourOf, imitationOf, referenceOf, sentence } from './contours.ts'

const DERIVED = RESULT_FORMATS.filter((format): format is DerivedFormat => format !== 'json')

/** The contract's own example, in full. */
const EXAMPLE = {
  version: 1,
  duration_s: 2.41,
  pitch: {
    mode: 'robust',
    start_s: 0.02,
    step_s: 0.01,
    f0_hz: [null, 181.2, 190],
    floor_hz: 75,
    ceiling_hz: 600,
    median_hz: 182.4,
    range_semitones: 8.1,
    voiced_ratio: 0.62,
  },
  intensity: { start_s: 0.03, step_s: 0.008, values_db: [60, 61, 62] },
  timing: {
    speech_s: 1.9,
    pauses: [{ start_s: 0.9, end_s: 1.1 }],
    syllables: 7,
    syllables_per_s: 2.9,
    articulation_rate: 3.7,
  },
  comparison: {
    token_id: 'greeting-1',
    score: 83,
    reason: null,
    components: {
      pitch_rmse_semitones: 1.1,
      pitch_correlation: 0.91,
      range_ratio: 0.8,
      timing_ratio: 1.1,
      npvi_difference: 4.2,
    },
    alignment: [[0.1, 0.12]],
    intervals: [
      {
        tier: 'words',
        label: 'morning',
        reference_start_s: 0.4,
        reference_end_s: 0.9,
        start_s: 0.5,
        end_s: 1.1,
        score: 71,
        pitch_rmse_semitones: 1.9,
        direction: 'higher',
        duration_ratio: 1.2,
      },
    ],
  },
}

function refusalOf(result: unknown, format: DerivedFormat): string {
  try {
    formatResult(typeof result === 'string' ? result : JSON.stringify(result), format)
  } catch (error) {
    if (error instanceof AppError && error.code === 'result-format-unavailable') return error.detail
    throw error
  }
  return 'not refused'
}

test("the contract's own example has every format, and nothing is drawn that is not in it", () => {
  const [, textGrid] = DERIVED.map((format) => formatResult(JSON.stringify(EXAMPLE), format))
  assert.match(textGrid!, /text = "morning"/)
  const svg = formatResult(JSON.stringify(EXAMPLE), 'svg')
  assert.match(svg, />1\.1 semitones apart · melody follows 91 % · pitch range 80 % · duration 110 %</)
  assert.doesNotMatch(svg, /NaN|undefined|rhythm/)
})

test('parts that are missing are left out of a drawing', () => {
  const {
    duration_s,
    pitch: { start_s, step_s, f0_hz },
  } = EXAMPLE
  const bare = formatResult(JSON.stringify({ duration_s, pitch: { start_s, step_s, f0_hz } }), 'svg')
  assert.doesNotMatch(bare, /NaN|undefined|null|class="wave"|Score|Reference/)
  assert.match(bare, />2\.41 s</)
  const odd = {
    ...EXAMPLE,
    comparison: {
      score: null,
      reason: 'toString',
      intervals: [{ ...EXAMPLE.comparison.intervals[0], direction: 'constructor' }],
    },
  }
  assert.doesNotMatch(formatResult(JSON.stringify(odd), 'svg'), /NaN|undefined|function/)
})

test('what a format cannot do without, and what is not as it needs it, is named', () => {
  for (const format of DERIVED)
    assert.match(refusalOf({ score: 'ok' }, format), /^The result has no (pitch|duration_s), which \w+ needs\.$/)
  const { f0_hz: _, ...unmelodic } = EXAMPLE.pitch
  assert.equal(refusalOf({ ...EXAMPLE, pitch: unmelodic }, 'svg'), 'The result has no pitch.f0_hz, which svg needs.')
  assert.match(
    refusalOf({ ...EXAMPLE, pitch: { ...EXAMPLE.pitch, f0_hz: ['a'] } }, 'csv'),
    /^In the result pitch\.f0_hz\.0 is not as csv needs it: it must be/,
  )
  assert.match(
    refusalOf({ ...EXAMPLE, pitch: { ...EXAMPLE.pitch, step_s: 0 } }, 'pitchtier'),
    /pitch\.step_s is not as pitchtier needs it: it must be > 0/,
  )
  assert.match(
    refusalOf({ ...EXAMPLE, comparison: { intervals: 'none' } }, 'textgrid'),
    /comparison\.intervals is not as textgrid needs it/,
  )
  assert.equal(refusalOf('{', 'csv'), 'The result is not JSON.')
  assert.match(refusalOf([], 'csv'), /itself|no pitch/)
  assert.match(refusalOf('null', 'svg'), /itself/)
  assert.match(refusalOf('{"duration_s":1e999,"pitch":{}}', 'svg'), /duration_s|pitch/)
})

test('a result of ours is as the schema says, with and without a comparison', () => {
  const { durationS, tune } = sentence(3)
  const model = contourOf(durationS, tune)
  const grid = {
    startS: 0,
    endS: durationS,
    tiers: [
      { kind: 'intervals' as const, name: 'a', intervals: [{ startS: 0, endS: durationS, label: 'b' }] },
      { kind: 'points' as const, name: 'c', points: [{ timeS: 0.5, label: 'd' }] },
    ],
  }
  const analysis = {
    durationS,
    codec: 'pcm_s16le',
    sampleRateHz: 16_000,
    channels: 1,
    quality: { clippingRatio: 0, silenceRatio: null, signalToNoiseDb: null, flags: [], advice: [] },
    loudness: { integratedLufs: null, truePeakDbtp: null },
    pitch: {
      ...model,
      mode: 'robust' as const,
      floorHz: 75,
      ceilingHz: 600,
      medianHz: null,
      rangeSemitones: null,
      voicedRatio: null,
    },
    intensity: null,
    waveform: { stepS: 0.01, peaks: [0.5, 1.2] },
    timing: { speechS: null, pauses: [], nucleiS: null },
  }
  const ref = { jobId: null, tokenId: 'greeting-1' }
  const whole = Compile(resultSchema)
  for (const comparison of [undefined, compare(imitationOf(model), referenceOf(model, grid))]) {
    const result = JSON.parse(JSON.stringify(toResult({ ...ref, comparison }, analysis)))
    assert.deepEqual([...whole.Errors(result)], [])
    assert.deepEqual(undescribed(result, resultSchema as Described), [])
  }
})

interface Described {
  readonly properties?: Readonly<Record<string, Described>>
  readonly anyOf?: readonly Described[]
  readonly items?: Described | readonly Described[]
}

/** Paths of fields that the schema does not have. */
function undescribed(value: unknown, schema: Described, path = ''): string[] {
  const { properties, items } = schema.anyOf?.[0] ?? schema
  if (Array.isArray(value)) {
    const each = Array.isArray(items) ? undefined : (items as Described | undefined)
    return each === undefined ? [] : value.flatMap((entry, i) => undescribed(entry, each, `${path}[${i}]`))
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, part]) => {
    const described = properties?.[name]
    return described === undefined ? [`${path}.${name}`] : undescribed(part, described, `${path}.${name}`)
  })
}
