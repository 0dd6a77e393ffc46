/** An F0 contour drawn with characters, for terminals. */

export interface ContourOptions {
  /** Time of the first frame, and seconds between frames. */
  readonly startS: number
  readonly stepS: number
  /** Of the whole drawing with its axes, in characters; at least 20 × 4. */
  readonly width: number
  readonly height: number
}

/** A Braille character is two dots wide and four high; the bits by column and row (Unicode 2800–28FF). */
const DOTS = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const
const BLANK = 0x2800

/**
 * Lines of text: a logarithmic axis in Hz at the left, time in seconds below, a line where the voice sounds. Values of
 * 0 or null are unvoiced and leave a gap; without any voice the drawing says so.
 */
export function drawContour(f0Hz: ArrayLike<number | null>, options: ContourOptions): string {
  const width = Math.max(20, Math.floor(options.width))
  const height = Math.max(4, Math.floor(options.height))
  const range = rangeOf(f0Hz)
  if (range === undefined) return '(no voice was found)'
  const labels = axisLabels(range, height - 2)
  const margin = Math.max(...labels.map((label) => label.length))
  const plot = createPlot(width - margin - 2, height - 2)
  drawLine(plot, f0Hz, range)
  const rows = plot.rows().map((row, i) => `${labels[i]!.padStart(margin)} ${labels[i] === '' ? '│' : '┤'}${row}`)
  return [...rows, ...timeAxis(options, f0Hz.length, margin, plot.columns)].join('\n')
}

interface Range {
  readonly lowHz: number
  readonly highHz: number
}

/** From the lowest to the highest voiced frame and a little more, at least a third of an octave. */
function rangeOf(f0Hz: ArrayLike<number | null>): Range | undefined {
  let low = Number.POSITIVE_INFINITY
  let high = 0
  for (let i = 0; i < f0Hz.length; i++) {
    const f0 = f0Hz[i] ?? 0
    if (!(f0 > 0) || !Number.isFinite(f0)) continue
    low = Math.min(low, f0)
    high = Math.max(high, f0)
  }
  if (high === 0) return undefined
  const spread = Math.max(1.05, Math.sqrt(2 ** (1 / 3) / Math.min(high / low, 2 ** (1 / 3))))
  return { lowHz: low / spread, highHz: high * spread }
}

/** Top, middle and bottom are labelled. */
function axisLabels({ lowHz, highHz }: Range, rows: number): string[] {
  const middle = rows >= 5 ? Math.floor((rows - 1) / 2) : -1
  return Array.from({ length: rows }, (_, row) => {
    if (row !== 0 && row !== rows - 1 && row !== middle) return ''
    return `${Math.round(highHz * (lowHz / highHz) ** (row / (rows - 1)))} Hz`
  })
}

function createPlot(columns: number, rowCount: number) {
  const cells = Array.from({ length: rowCount }, () => new Uint8Array(columns))
  return {
    columns,
    width: columns * 2,
    height: rowCount * 4,
    dot(x: number, y: number): void {
      const row = cells[y >> 2]
      if (row !== undefined && x >= 0 && x < columns * 2) row[x >> 1] = row[x >> 1]! | DOTS[x & 1]![y & 3]!
    },
    rows: () => cells.map((row) => String.fromCharCode(...Array.from(row, (bits) => (bits ? BLANK + bits : 0x20)))),
  }
}

function drawLine(plot: ReturnType<typeof createPlot>, f0Hz: ArrayLike<number | null>, { lowHz, highHz }: Range): void {
  const xOf = (i: number) => (f0Hz.length < 2 ? 0 : Math.round((i / (f0Hz.length - 1)) * (plot.width - 1)))
  const yOf = (f0: number) => Math.round((Math.log(highHz / f0) / Math.log(highHz / lowHz)) * (plot.height - 1))
  let before: { x: number; y: number } | undefined
  for (let i = 0; i < f0Hz.length; i++) {
    const f0 = f0Hz[i] ?? 0
    if (!(f0 > 0) || !Number.isFinite(f0)) {
      before = undefined
      continue
    }
    const here = { x: xOf(i), y: yOf(f0) }
    connect(plot, before ?? here, here)
    before = here
  }
}

/** A straight line of dots, the ends included. */
function connect(
  plot: ReturnType<typeof createPlot>,
  from: { x: number; y: number },
  to: { x: number; y: number },
): void {
  const steps = Math.max(1, Math.abs(to.x - from.x), Math.abs(to.y - from.y))
  for (let i = 0; i <= steps; i++) {
    const share = i / steps
    plot.dot(Math.round(from.x + (to.x - from.x) * share), Math.round(from.y + (to.y - from.y) * share))
  }
}

function timeAxis({ startS, stepS }: ContourOptions, frames: number, margin: number, columns: number): string[] {
  const endS = startS + Math.max(0, frames - 1) * stepS
  const digits = endS - startS < 10 ? 2 : 1
  const left = startS.toFixed(digits)
  const middle = ((startS + endS) / 2).toFixed(digits)
  const right = `${endS.toFixed(digits)} s`
  const gap = columns - left.length - right.length
  const before = Math.floor((columns - middle.length) / 2) - left.length
  const withMiddle = before > 0 && gap - before - middle.length > 0
  const between = withMiddle
    ? `${' '.repeat(before)}${middle}${' '.repeat(gap - before - middle.length)}`
    : ' '.repeat(Math.max(1, gap))
  const indent = ' '.repeat(margin + 1)
  return [`${indent}└${'─'.repeat(columns)}`, `${indent} ${left}${between}${right}`]
}
