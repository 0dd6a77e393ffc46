/** Kept results: a result as a flat list of fields, the tolerance of each field, and what differs from what was kept. */

/** A result's fields by their paths, such as `pitch.f0_hz[50]`; every list also has a `length`. */
export type Fields = Readonly<Record<string, string | number | boolean | null>>

type Tolerance = 'exact' | readonly [most: number, unit: 's' | 'cents' | 'dB' | 'LU' | 'semitones' | 'ratio' | 'points']

/** Of the long lists every so many values are kept. */
const KEPT_STEP = 50
const LONG_LISTS = ['pitch.f0_hz', 'intensity.values_db', 'waveform.peaks', 'comparison.reference_pitch.f0_hz']

/** What a result says of its job, not of its recording; the version of the analysis changes without any value. */
const LEFT_OUT = ['job_id', 'token_id', 'comparison.token_id', 'analysis_version']

/** Every field has to be here; `[]` stands for any place in a list. Lengths of lists are exact. */
const TOLERANCES: Readonly<Record<string, Tolerance>> = {
  version: 'exact',
  duration_s: [0.001, 's'],
  codec: 'exact',
  sample_rate_hz: 'exact',
  channels: 'exact',
  'quality.clipping_ratio': [1e-6, 'ratio'],
  'quality.silence_ratio': [0.0005, 'ratio'],
  'quality.snr_db': [0.1, 'dB'],
  'quality.flags[]': 'exact',
  'quality.advice[]': 'exact',
  'loudness.integrated_lufs': [0.01, 'LU'],
  'loudness.true_peak_dbtp': [0.01, 'dB'],
  'pitch.mode': 'exact',
  'pitch.start_s': [1e-6, 's'],
  'pitch.step_s': 'exact',
  'pitch.f0_hz[]': [0.5, 'cents'],
  'pitch.floor_hz': 'exact',
  'pitch.ceiling_hz': 'exact',
  'pitch.median_hz': [0.5, 'cents'],
  'pitch.range_semitones': [0.01, 'semitones'],
  'pitch.voiced_ratio': [0.0001, 'ratio'],
  'intensity.start_s': [1e-6, 's'],
  'intensity.step_s': 'exact',
  'intensity.values_db[]': [0.01, 'dB'],
  waveform: 'exact',
  'waveform.step_s': [1e-6, 's'],
  'waveform.peaks[]': [0.02, 'ratio'],
  'timing.speech_s': [0.001, 's'],
  'timing.pauses[].start_s': [0.001, 's'],
  'timing.pauses[].end_s': [0.001, 's'],
  'timing.syllables': 'exact',
  'timing.syllables_per_s': [0.001, 'ratio'],
  'timing.articulation_rate': [0.001, 'ratio'],
  'comparison.score': [0.1, 'points'],
  'comparison.reason': 'exact',
  'comparison.components': 'exact',
  'comparison.components.pitch_rmse_semitones': [0.002, 'semitones'],
  'comparison.components.pitch_correlation': [0.001, 'ratio'],
  'comparison.components.range_ratio': [0.001, 'ratio'],
  'comparison.components.timing_ratio': [0.001, 'ratio'],
  'comparison.components.npvi_difference': [0.1, 'points'],
  'comparison.components.voicing_agreement': [0.001, 'ratio'],
  'comparison.components.time_warping': [0.001, 'ratio'],
  'comparison.alignment[][]': [0.001, 's'],
  'comparison.reference_pitch': 'exact',
  'comparison.reference_pitch.start_s': [1e-6, 's'],
  'comparison.reference_pitch.step_s': [1e-6, 's'],
  'comparison.reference_pitch.f0_hz[]': [0.5, 'cents'],
  'comparison.points[].tier': 'exact',
  'comparison.points[].label': 'exact',
  'comparison.points[].reference_s': [0.001, 's'],
  'comparison.points[].time_s': [0.001, 's'],
  'comparison.intervals[].tier': 'exact',
  'comparison.intervals[].label': 'exact',
  'comparison.intervals[].reference_start_s': [0.001, 's'],
  'comparison.intervals[].reference_end_s': [0.001, 's'],
  'comparison.intervals[].start_s': [0.001, 's'],
  'comparison.intervals[].end_s': [0.001, 's'],
  'comparison.intervals[].score': [0.1, 'points'],
  'comparison.intervals[].pitch_rmse_semitones': [0.002, 'semitones'],
  'comparison.intervals[].direction': 'exact',
  'comparison.intervals[].duration_ratio': [0.001, 'ratio'],
}

/** A result's fields, the long lists thinned out. */
export function fieldsOf(result: object): Fields {
  return Object.fromEntries(listFields(result, '').filter(([path]) => !LEFT_OUT.includes(path)))
}

function listFields(value: unknown, path: string): [string, Fields[string]][] {
  if (Array.isArray(value)) {
    const step = LONG_LISTS.includes(path) ? KEPT_STEP : 1
    const entries = value.flatMap((entry, i) => (i % step === 0 ? listFields(entry, `${path}[${i}]`) : []))
    return [[`${path}.length`, value.length], ...entries]
  }
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([name, part]) => listFields(part, path === '' ? name : `${path}.${name}`))
  }
  return [[path, value as Fields[string]]]
}

/** One sentence for each field that is not as it was kept: its path, both values and the tolerance. */
export function differences(kept: Fields, found: Fields): string[] {
  const paths = new Set([...Object.keys(kept), ...Object.keys(found)])
  return [...paths].flatMap((path) => {
    const tolerance = toleranceOf(path)
    if (isWithin(tolerance, kept[path], found[path])) return []
    const allowed = tolerance === 'exact' ? 'exact' : `±${tolerance[0]} ${tolerance[1]}`
    return [`${path}: kept ${show(kept[path])}, found ${show(found[path])}, tolerance ${allowed}`]
  })
}

function toleranceOf(path: string): Tolerance {
  if (path.endsWith('.length')) return 'exact'
  const tolerance = TOLERANCES[path.replaceAll(/\[\d+\]/g, '[]')]
  if (tolerance === undefined) throw new Error(`The field ${path} has no tolerance.`)
  return tolerance
}

/** What a value's last digit, as results are rounded, may hide. */
const ROUNDING = 1e-9

function isWithin(tolerance: Tolerance, kept: Fields[string] | undefined, found: Fields[string] | undefined): boolean {
  if (tolerance === 'exact' || typeof kept !== 'number' || typeof found !== 'number') return kept === found
  const [most, unit] = tolerance
  const distance = unit === 'cents' ? 1200 * Math.log2(found / kept) : found - kept
  return Math.abs(distance) <= most + ROUNDING
}

const show = (value: Fields[string] | undefined): string => (value === undefined ? 'nothing' : JSON.stringify(value))
