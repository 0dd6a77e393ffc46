/**
 * An F0 contour from a file: Praat's Pitch and PitchTier in their text forms, or a table `time,f0` (comma, semicolon,
 * tab or blanks between; a header is optional; 0, empty, NaN and `--undefined--` are unvoiced).
 *
 * A PitchTier and a table are points with straight lines between them (Praat's manual, "PitchTier"). Where they are the
 * frames of a track they leave the unvoiced ones out: when most lie equally close, no voice is assumed between two that
 * are further apart than 1.5 times the median distance. Points that somebody placed or stylised lie anyhow.
 */
import { type PraatReader, readPraatText } from './praat-text.ts'
import { decodeReferenceText, invalidReference, quoted, readReferenceTime } from './reference-text.ts'

/** F0 on a regular grid; frame i is at `startS + i · stepS`. */
export interface PitchContour {
  readonly startS: number
  readonly stepS: number
  /** In Hz; 0 where unvoiced. */
  readonly f0Hz: Float64Array
}

export const LOWEST_F0_HZ = 30
export const HIGHEST_F0_HZ = 1000
export const MAX_FRAMES = 720_000
const MAX_CANDIDATES = 100
const FINEST_STEP_S = 0.005
const COARSEST_STEP_S = 0.01
const GAP_DISTANCES = 1.5
/** A track: frames at most so far apart, two in three of them at the median distance give or take a fifth. */
const TRACK_MEDIAN_S = 0.05
const TRACK_SHARE = 2 / 3
const TRACK_SPREAD = 0.2

interface Point {
  readonly timeS: number
  readonly f0Hz: number
}

/** @throws AppError `reference-invalid`, with a sentence that names the line and what is wrong there */
export function parsePitchFile(bytes: Uint8Array): PitchContour {
  const text = decodeReferenceText(bytes)
  const contour = /^\s*(File type|"ooTextFile|"Praat)/.test(text.slice(0, 200))
    ? parsePraat(readPraatText(text))
    : toContour(parseTable(text))
  if (!contour.f0Hz.some((f0) => f0 > 0)) throw invalidReference('There is no voiced frame in the file')
  return contour
}

function parsePraat(reader: PraatReader): PitchContour {
  const head = reader.text('the file type')
  const kind = head.startsWith('ooTextFile') ? reader.text('the class of the object') : head
  if (kind === 'Pitch 1') return parsePitch(reader)
  if (kind === 'PitchTier') return toContour(parsePitchTier(reader))
  throw invalidReference(`This is a ${quoted(kind)} file, not a Pitch or PitchTier`, 1)
}

/** The first candidate of a frame is Praat's choice; one at or above the ceiling counts as unvoiced. */
function parsePitch(reader: PraatReader): PitchContour {
  reader.number('the start of the Pitch')
  reader.number('the end of the Pitch')
  const count = reader.count('The number of frames', MAX_FRAMES)
  const stepS = reader.number('the time step')
  if (!(stepS >= 1e-4 && stepS <= 1)) throw invalidReference(`The time step is ${stepS} s`, reader.line)
  const startS = readReferenceTime(reader.number('the time of the first frame'), reader.line)
  const ceilingHz = reader.number('the ceiling')
  reader.number('the number of candidates')
  readReferenceTime(startS + Math.max(0, count - 1) * stepS, reader.line)
  const f0Hz: number[] = []
  for (let i = 0; i < count; i++) {
    reader.numberOrNaN('the intensity of a frame')
    const candidates = reader.count('The number of candidates', MAX_CANDIDATES)
    let chosen = 0
    for (let c = 0; c < candidates; c++) {
      const frequency = reader.numberOrNaN('the frequency of a candidate')
      if (c === 0 && frequency < ceilingHz) chosen = readF0(frequency, reader.line)
      reader.numberOrNaN('the strength of a candidate')
    }
    f0Hz.push(chosen)
  }
  return { startS, stepS, f0Hz: Float64Array.from(f0Hz) }
}

/** Long and short form, and the spreadsheet form whose head is the same sequence. */
function parsePitchTier(reader: PraatReader): Point[] {
  reader.number('the start of the PitchTier')
  reader.number('the end of the PitchTier')
  const count = reader.count('The number of points', MAX_FRAMES)
  const points: Point[] = []
  for (let i = 0; i < count; i++) {
    const timeS = nextTime(reader.number('the time of a point'), points, reader.line)
    points.push({ timeS, f0Hz: readF0(reader.numberOrNaN('the frequency of a point'), reader.line) })
  }
  return points
}

function parseTable(text: string): Point[] {
  const points: Point[] = []
  let columns: Columns = { time: 0, f0: 1, secondsPerUnit: 1 }
  let line = 0
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start)
    const row = text.slice(start, end < 0 ? text.length : end).replace(/\r$/, '')
    start = end < 0 ? text.length : end + 1
    line++
    if (row.trim() === '') continue
    const cells = cellsOf(row)
    const timeS = Number(cells[columns.time] || Number.NaN)
    if (Number.isNaN(timeS) && points.length === 0 && line === 1) columns = columnsOf(cells)
    else if (Number.isNaN(timeS)) throw invalidReference(`There is no time in ${quoted(row)}`, line)
    else {
      const f0Hz = readF0(cellToF0(cells[columns.f0], line), line)
      points.push({ timeS: nextTime(timeS * columns.secondsPerUnit, points, line), f0Hz })
    }
    if (points.length > MAX_FRAMES) throw invalidReference(`There are more than ${MAX_FRAMES} rows`, line)
  }
  if (points.length === 0) throw invalidReference('There is no row with a time and an F0')
  return points
}

/** A longer row than any table of two columns is not split: splitting costs what the row is long. */
function cellsOf(row: string): string[] {
  const separator = [';', ',', '\t'].find((each) => row.includes(each)) ?? /\s+/
  return row
    .slice(0, 1000)
    .trimStart()
    .split(separator)
    .map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'))
}

interface Columns {
  readonly time: number
  readonly f0: number
  readonly secondsPerUnit: number
}

/** By their names in the header, else the first two; a unit in the time's name counts. */
function columnsOf(header: readonly string[]): Columns {
  const find = (name: RegExp) => header.findIndex((cell) => name.test(cell.toLowerCase()))
  const namedTime = find(/^(time|t$|t[ _([])/)
  const namedF0 = find(/^(f0|pitch|frequency)/)
  const [time, f0] = namedTime >= 0 && namedF0 >= 0 ? [namedTime, namedF0] : [0, 1]
  const isMilliseconds = /(^|[^a-z])(ms|msec|milliseconds?)([^a-z]|$)/i.test(header[time] ?? '')
  return { time, f0, secondsPerUnit: isMilliseconds ? 0.001 : 1 }
}

function cellToF0(cell: string | undefined, line: number): number {
  if (cell === undefined || /^(|nan|na|--undefined--)$/i.test(cell)) return 0
  const value = Number(cell)
  if (Number.isNaN(value)) throw invalidReference(`${quoted(cell)} is no F0 in Hz`, line)
  return value
}

function readF0(value: number, line: number): number {
  if (value === 0 || Number.isNaN(value)) return 0
  if (value >= LOWEST_F0_HZ && value <= HIGHEST_F0_HZ) return value
  throw invalidReference(`An F0 of ${value} Hz is outside ${LOWEST_F0_HZ}–${HIGHEST_F0_HZ} Hz`, line)
}

function nextTime(timeS: number, points: readonly Point[], line: number): number {
  const before = points.at(-1)?.timeS
  if (before === undefined || timeS > before) return readReferenceTime(timeS, line)
  throw invalidReference(`The time ${timeS} s does not come after the one before, ${before} s`, line)
}

/** Brings points onto a regular grid of 5 to 10 ms by linear interpolation. */
function toContour(points: readonly Point[]): PitchContour {
  const startS = points[0]?.timeS ?? 0
  const spacing = spacingOf(points)
  const stepS = Math.min(COARSEST_STEP_S, Math.max(FINEST_STEP_S, spacing.medianS))
  const count = points.length === 0 ? 0 : Math.floor((points.at(-1)!.timeS - startS) / stepS + 0.5) + 1
  const f0Hz = new Float64Array(count)
  let at = 0
  for (let i = 0; i < count; i++) {
    const timeS = startS + i * stepS
    while (at + 1 < points.length && points[at + 1]!.timeS <= timeS + 1e-9) at++
    f0Hz[i] = f0Between(points[at]!, points[at + 1], timeS, spacing)
  }
  return { startS, stepS, f0Hz }
}

interface Spacing {
  readonly medianS: number
  /** Points further apart than this have no voice between them. */
  readonly gapS: number
}

function spacingOf(points: readonly Point[]): Spacing {
  const distances = Float64Array.from(points.slice(1), ({ timeS }, i) => timeS - points[i]!.timeS).sort()
  const medianS = distances[distances.length >> 1] ?? COARSEST_STEP_S
  const equal = distances.filter((each) => Math.abs(each - medianS) <= TRACK_SPREAD * medianS)
  const isTrack = medianS <= TRACK_MEDIAN_S && equal.length >= TRACK_SHARE * distances.length
  return { medianS, gapS: isTrack ? GAP_DISTANCES * Math.max(FINEST_STEP_S, medianS) : Number.POSITIVE_INFINITY }
}

/** Between points that are apart, or where one is unvoiced, each holds for half the usual distance. */
function f0Between(before: Point, after: Point | undefined, timeS: number, { medianS, gapS }: Spacing): number {
  const reachS = Math.max(FINEST_STEP_S, medianS) / 2 + 1e-9
  const apart = after === undefined || after.timeS - before.timeS > gapS
  if (!apart && before.f0Hz > 0 && after.f0Hz > 0) {
    const share = (timeS - before.timeS) / (after.timeS - before.timeS)
    return before.f0Hz + (after.f0Hz - before.f0Hz) * share
  }
  if (timeS - before.timeS <= reachS) return before.f0Hz
  return after !== undefined && after.timeS - timeS <= reachS ? after.f0Hz : 0
}
