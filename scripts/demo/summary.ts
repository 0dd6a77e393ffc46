/** What came out, as a table, with each recording's F0 contour when there is a terminal to draw it in. */
import { drawContour } from '../contour.ts'
import type { Output } from './board.ts'

/** The part of a result that is shown; the API's answer has the rest. */
export interface ShownResult {
  readonly duration_s: number
  readonly pitch: {
    readonly start_s: number
    readonly step_s: number
    readonly f0_hz: readonly (number | null)[]
    readonly median_hz: number | null
    readonly range_semitones: number | null
    readonly voiced_ratio: number | null
  }
  readonly timing: { readonly pauses: readonly object[] }
}

export type DemoResult =
  | { readonly name: string; readonly status: 'completed'; readonly seconds: number; readonly result: ShownResult }
  | { readonly name: string; readonly status: string; readonly reason: string }

const HEAD = ['recording', 'duration', 'median F0', 'range', 'voiced', 'pauses']

export function formatSummary(outcomes: readonly DemoResult[], output: Output): string {
  const completed = outcomes.filter((outcome) => 'result' in outcome)
  const blocks = completed.length === 0 ? [] : [formatTable([HEAD, ...completed.map(toRow)])]
  if (output.isTTY) blocks.push(...completed.map((outcome) => formatContour(outcome, output.columns || 80)))
  blocks.push(outcomes.map(formatEnd).join('\n'))
  return blocks.join('\n\n')
}

function toRow({ name, result }: { name: string; result: ShownResult }): string[] {
  const { duration_s: duration, pitch, timing } = result
  return [
    name,
    `${duration.toFixed(2)} s`,
    orDash(pitch.median_hz, (hz) => `${hz.toFixed(1)} Hz`),
    orDash(pitch.range_semitones, (range) => `${range.toFixed(1)} st`),
    orDash(pitch.voiced_ratio, (ratio) => `${(100 * ratio).toFixed(0)} %`),
    String(timing.pauses.length),
  ]
}

function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const format = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
  return rows.map(format).join('\n')
}

function formatContour({ name, result }: { name: string; result: ShownResult }, columns: number): string {
  const { start_s: startS, step_s: stepS, f0_hz: f0Hz } = result.pitch
  const size = { width: Math.min(100, columns - 12), height: 8 }
  return `${name}: F0 over time\n${drawContour(
    f0Hz.map((f0) => f0 ?? 0),
    { startS, stepS, ...size },
  )}`
}

function formatEnd(outcome: DemoResult): string {
  if ('result' in outcome) return `completed  ${outcome.name}  (${outcome.seconds.toFixed(2)} s from upload to result)`
  return `${outcome.status}  ${outcome.name}  ${outcome.reason}`
}

function orDash(value: number | null, format: (value: number) => string): string {
  return value === null ? '–' : format(value)
}
