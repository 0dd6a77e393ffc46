/**
 * A result as a drawing: the score, the sound, both melodies in semitones above their speaker's median, the reference's
 * labels where the learner says them, and the pauses. What the result does not have is left out. Its size is bounded,
 * however long the recording is.
 */
import { COMPARISON_REASONS, type ComparisonReason } from '../domain/comparison.ts'
import type { FormatInputs } from './result-needs.ts'
import { evennessOf } from './score.ts'
import { drawPauses, drawPitch, drawTimeAxis, drawWave, type Panel } from './svg-panels.ts'
import { escapeXml, px, textWidth } from './svg-parts.ts'
import { styleSheet } from './svg-style.ts'
import { drawTiers, heightOfTiers } from './svg-tiers.ts'

type Result = FormatInputs['svg']

const WIDTH = 960
const LEFT = 68
const PLOT_WIDTH = WIDTH - LEFT - 28
const WAVE: Panel = { x: LEFT, y: 84, width: PLOT_WIDTH, height: 76 }
const PITCH: Panel = { x: LEFT, y: 184, width: PLOT_WIDTH, height: 230 }
const GAP = 10

/** A whole SVG document; readable on light and on dark pages. */
export function formatResultSvg(result: Result): string {
  const intervals = result.comparison?.intervals ?? []
  const wave = drawWave(result, WAVE)
  const pitch = wave === '' ? { ...PITCH, y: WAVE.y } : PITCH
  const bottom = pitch.y + pitch.height
  const axisY = bottom + GAP + heightOfTiers(intervals)
  const height = axisY + 44
  const time = { x: LEFT, width: PLOT_WIDTH, durationS: result.duration_s }
  const title = titleOf(result)
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${px(height)}" width="${WIDTH}" height="${px(height)}" role="img" aria-labelledby="t d">`,
    `<title id="t">${escapeXml(title)}</title><desc id="d">${escapeXml(describe(result))}</desc>`,
    `<style>${styleSheet()}</style><rect class="page" width="${WIDTH}" height="${px(height)}"/>`,
    drawHeader(result, title),
    drawLegend(result),
    ...(wave === '' ? [pitch] : [WAVE, pitch]).map(
      ({ x, y, width, height: h }) => `<rect class="panel" x="${x}" y="${y}" width="${width}" height="${h}" rx="6"/>`,
    ),
    drawPauses(result.timing?.pauses ?? [], time, WAVE.y, bottom),
    wave,
    drawPitch(result, pitch),
    drawTiers(intervals, time, bottom + GAP),
    drawTimeAxis(time, axisY),
  ]
  return `${parts.join('\n')}\n</svg>\n`
}

function titleOf({ comparison }: Result): string {
  return comparison?.score == null ? 'Pitch and timing' : `Score ${Math.round(comparison.score)}`
}

function drawHeader(result: Result, title: string): string {
  const outOf =
    result.comparison?.score == null
      ? ''
      : '<tspan class="faint" dx="7" font-size="15" font-weight="400">of 100</tspan>'
  return (
    `<text x="${LEFT}" y="42" font-size="26" font-weight="650">${escapeXml(title)}${outOf}</text>` +
    `<text class="faint" x="${LEFT}" y="66" font-size="13">${escapeXml(describe(result))}</text>`
  )
}

/** The figures behind the drawing, in words. */
function describe({ comparison, pitch, duration_s: durationS }: Result): string {
  const parts = describeComponents(comparison?.components ?? {})
  if (parts.length > 0) return parts.join(' · ')
  const { reason } = comparison ?? {}
  if (reason && Object.hasOwn(COMPARISON_REASONS, reason)) return COMPARISON_REASONS[reason as ComparisonReason]
  const lasts = `${durationS.toFixed(2)} s`
  if (!pitch.f0_hz.some(Boolean)) return `No voice was found in ${lasts}`
  const { median_hz: median, range_semitones: range } = pitch
  return [
    lasts,
    ...(median == null ? [] : [`median ${Math.round(median)} Hz`]),
    ...(range == null ? [] : [`range ${range.toFixed(1)} semitones`]),
  ].join(' · ')
}

type Components = NonNullable<NonNullable<Result['comparison']>['components']>

/** Each that is there, in words. */
function describeComponents(components: Components): string[] {
  const { pitch_rmse_semitones, pitch_correlation, range_ratio, timing_ratio, time_warping } = components
  const said = (value: number | null | undefined, say: (value: number) => string) => (value == null ? [] : [say(value)])
  return [
    ...said(pitch_rmse_semitones, (semitones) => `${semitones.toFixed(1)} semitones apart`),
    ...said(pitch_correlation, (r) => `melody follows ${percent(Math.max(0, r))}`),
    ...said(range_ratio, (ratio) => `pitch range ${percent(ratio)}`),
    ...said(timing_ratio, (ratio) => `duration ${percent(ratio)}`),
    ...said(time_warping, (warping) => `rhythm follows ${percent(evennessOf(warping))}`),
  ]
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`
}

/** Right-aligned, in the order of the layers. */
function drawLegend({ comparison }: Result): string {
  const names = ['learner', ...(comparison?.reference_pitch && comparison.alignment?.length ? ['reference'] : [])]
  const labels: Readonly<Record<string, string>> = { learner: 'You', reference: 'Reference' }
  let right = LEFT + PLOT_WIDTH
  return names
    .map((name) => {
      const textX = right - textWidth(labels[name]!, 13)
      right = textX - 56
      return `<path class="contour ${name}" d="M${px(textX - 34)} 37h24"/><text x="${px(textX)}" y="41.5" font-size="13">${labels[name]}</text>`
    })
    .join('')
}
