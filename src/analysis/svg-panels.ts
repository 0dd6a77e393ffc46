/** The panels of the drawing: sound, melody, pauses, time. */
import type { FormatInputs } from './result-needs.ts'
import { quantile } from './statistics.ts'
import { type Dot, linePath, px, ticks } from './svg-parts.ts'
import { mapTime } from './time-map.ts'

type Result = FormatInputs['svg']
type Contour = Pick<Result['pitch'], 'start_s' | 'step_s' | 'f0_hz'>
type Pauses = NonNullable<NonNullable<Result['timing']>['pauses']>

export interface Panel {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface TimeScale {
  readonly x: number
  readonly width: number
  readonly durationS: number
}

/** At most one point per half pixel. */
const POINTS_PER_PX = 2
/** From here on thin lines: thick ones would run together. */
const LONG_S = 30
/** Of the melody: less would make every wobble look like a song. */
const LEAST_SEMITONES = 10
/** Of full scale: a sound that stays below is not drawn larger than this would be, so that silence looks like silence. */
const LEAST_TOP = 0.02
/** As many as there is room for beside one another. */
const MOST_PAUSES = 450
/** Below the loudest moment, where the intensity stands in for the waveform. */
const QUIETEST_DB = 45

export function xAt({ x, width, durationS }: TimeScale, timeS: number): number {
  return x + (width * Math.max(0, Math.min(durationS, timeS))) / durationS
}

/** The outline of the waveform, mirrored; of the intensity where there is none, and nothing without either. */
export function drawWave({ waveform, intensity, duration_s }: Result, { x, y, width, height }: Panel): string {
  const columns = Math.floor(width)
  const heights = waveform
    ? peakColumns(waveform.peaks, columns)
    : intensity && loudnessColumns(intensity, duration_s, columns)
  if (!heights) return ''
  const top = Math.max(...heights, LEAST_TOP)
  const middle = y + height / 2
  const half = heights.map((value) => Math.max(0.5, (value / top) * (height / 2 - 6)))
  const above = half.map((value, i) => `L${px(x + i + 0.5)} ${px(middle - value)}`)
  const below = half.map((value, i) => `L${px(x + i + 0.5)} ${px(middle + value)}`).reverse()
  return `<path class="wave" d="M${px(x)} ${px(middle)}${above.join('')}L${px(x + width)} ${px(middle)}${below.join('')}Z"/>`
}

/** The highest of the peaks that a column covers, even in part. */
function peakColumns(peaks: readonly number[], columns: number): number[] {
  return Array.from({ length: columns }, (_, i) => {
    const end = Math.ceil(((i + 1) * peaks.length) / columns)
    let highest = 0
    for (let j = Math.floor((i * peaks.length) / columns); j < end; j++) highest = Math.max(highest, peaks[j] ?? 0)
    return highest
  })
}

type Intensity = NonNullable<Result['intensity']>

function loudnessColumns({ start_s, step_s, values_db }: Intensity, durationS: number, columns: number): number[] {
  const loudest = values_db.reduce((most, db) => Math.max(most, db), 0)
  return Array.from({ length: columns }, (_, i) => {
    const place = Math.round((((i + 0.5) / columns) * durationS - start_s) / step_s)
    const db = values_db[Math.max(0, Math.min(values_db.length - 1, place))] ?? 0
    return Math.max(0, 1 + (db - loudest) / QUIETEST_DB)
  })
}

/** Both melodies around 0, each speaker's own median, with a line every few semitones. */
export function drawPitch(result: Result, panel: Panel): string {
  const time = { x: panel.x, width: panel.width, durationS: result.duration_s }
  const learner = melodyDots(result.pitch, (timeS) => timeS)
  const { alignment: moments = [], reference_pitch: reference } = result.comparison ?? {}
  const model = reference && moments.length > 0 ? melodyDots(reference, (timeS) => mapTime(moments, timeS)) : []
  const { low, high } = rangeOf([...learner, ...model])
  const yAt = (semitones: number) => panel.y + panel.height * (1 - (semitones - low) / (high - low))
  const fine = result.duration_s > LONG_S ? ' fine' : ''
  const grid = ticks(low, high, 7).map((tick) => {
    const y = px(yAt(tick))
    const label = `${tick > 0 ? '+' : tick < 0 ? '−' : ''}${Math.abs(tick)}`
    return `<path class="grid" d="M${px(panel.x)} ${y}h${px(panel.width)}"${tick === 0 ? '' : ' stroke-dasharray="2 4"'}/><text class="faint" x="${px(panel.x - 8)}" y="${y}" dy=".35em" font-size="12" text-anchor="end">${label}</text>`
  })
  const place = (dots: readonly (Dot | undefined)[]) =>
    thin(dots, panel.width * POINTS_PER_PX).map(
      (dot) => dot && { x: xAt(time, dot.x), y: yAt(clamp(dot.y, low, high)) },
    )
  return [
    ...grid,
    `<text class="faint" x="14" y="${px(panel.y + panel.height / 2)}" font-size="12" text-anchor="middle" transform="rotate(-90 14 ${px(panel.y + panel.height / 2)})" dy=".35em">semitones</text>`,
    `<path class="contour reference${fine}" d="${linePath(place(model))}"/>`,
    `<path class="contour learner${fine}" d="${linePath(place(learner))}"/>`,
    model.length + learner.length === 0 ? noVoice(panel) : '',
  ].join('')
}

function noVoice({ x, y, width, height }: Panel): string {
  return `<text class="faint" x="${px(x + width / 2)}" y="${px(y + height / 2 - 16)}" dy=".35em" font-size="14" text-anchor="middle">no voice</text>`
}

/** Time in seconds and semitones above the median; undefined where unvoiced. No dots at all without any voice. */
function melodyDots({ start_s, step_s, f0_hz }: Contour, timeOf: (timeS: number) => number): (Dot | undefined)[] {
  const voiced = f0_hz.filter((f0) => f0 !== null && f0 > 0) as number[]
  const median = quantile(Float64Array.from(voiced), 0.5)
  if (median === null) return []
  return f0_hz.map((f0, i) => (f0 ? { x: timeOf(start_s + i * step_s), y: 12 * Math.log2(f0 / median) } : undefined))
}

/** What nearly all of the dots need: single errors of tracking stay at the edge. */
function rangeOf(dots: readonly (Dot | undefined)[]): { low: number; high: number } {
  const values = Float64Array.from(dots.flatMap((dot) => (dot === undefined ? [] : [dot.y])))
  const low = (quantile(values, 0.01) ?? 0) - 1
  const high = (quantile(values, 0.99) ?? 0) + 1
  const missing = Math.max(0, LEAST_SEMITONES - (high - low)) / 2
  return { low: low - missing, high: high + missing }
}

function thin<T>(items: readonly T[], most: number): T[] {
  const stride = Math.max(1, Math.ceil(items.length / most))
  return stride === 1 ? [...items] : items.filter((_, i) => i % stride === 0)
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value))
}

/** Bands from one height to another, with their duration where it can be read; none that is narrower than a pixel. */
export function drawPauses(pauses: Pauses, time: TimeScale, top: number, bottom: number): string {
  return pauses
    .map(({ start_s, end_s }) => ({ left: xAt(time, start_s), right: xAt(time, end_s), seconds: end_s - start_s }))
    .filter(({ left, right }) => right - left >= 1)
    .slice(0, MOST_PAUSES)
    .map(({ left, right, seconds }) => {
      const label = `${seconds.toFixed(2)} s`
      const text = `<text class="faint" x="${px((left + right) / 2)}" y="${top + 14}" font-size="11" text-anchor="middle">${label}</text>`
      return `<rect class="pause" x="${px(left)}" y="${top}" width="${px(right - left)}" height="${bottom - top}"><title>pause of ${label}</title></rect>${right - left > 34 ? text : ''}`
    })
    .join('')
}

export function drawTimeAxis(time: TimeScale, y: number): string {
  const marks = ticks(0, time.durationS, 9).map((tick) => {
    const x = px(xAt(time, tick))
    return `<path class="grid" d="M${x} ${y}v5"/><text class="faint" x="${x}" y="${y + 20}" font-size="12" text-anchor="middle">${tick} s</text>`
  })
  return `<path class="grid" d="M${px(time.x)} ${y}h${px(time.width)}"/>${marks.join('')}`
}
