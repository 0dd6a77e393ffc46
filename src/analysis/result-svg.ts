/**
 * A result as a drawing: the score, the sound, both melodies in semitones above their speaker's median, the reference's
 * labels where the learner says them, and the pauses. Its size is bounded, however long the recording is.
 */
import { COMPARISON_REASONS } from '../domain/comparison.ts'
import type { Result } from '../domain/result.ts'
import type { PitchContour } from './pitch-file.ts'
import { evennessOf } from './score.ts'
import type { Sound } from './sound.ts'
import { drawPauses, drawPitch, drawTimeAxis, drawWave, type Panel } from './svg-panels.ts'
import { escapeXml, px, textWidth } from './svg-parts.ts'
import { styleSheet } from './svg-style.ts'
import { drawTiers, heightOfTiers } from './svg-tiers.ts'

export interface SvgExtras {
  /** What the learner imitated: drawn where the result has an alignment. */
  readonly reference?: PitchContour | null
  /** For the envelope of the waveform; without it the intensity is drawn instead. */
  readonly sound?: Sound | null
}

const WIDTH = 960
const LEFT = 56
const PLOT_WIDTH = WIDTH - LEFT - 28
const WAVE: Panel = { x: LEFT, y: 84, width: PLOT_WIDTH, height: 76 }
const PITCH: Panel = { x: LEFT, y: 184, width: PLOT_WIDTH, height: 230 }
const TIERS_Y = PITCH.y + PITCH.height + 10

/** A whole SVG document; readable on light and on dark pages. */
export function formatResultSvg(result: Result, { reference = null, sound = null }: SvgExtras = {}): string {
  const intervals = result.comparison?.intervals ?? []
  const tiersHeight = heightOfTiers(intervals)
  const axisY = TIERS_Y + tiersHeight
  const height = axisY + 44
  const time = { x: LEFT, width: PLOT_WIDTH, durationS: result.duration_s }
  const title = titleOf(result)
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${px(height)}" width="${WIDTH}" height="${px(height)}" role="img" aria-labelledby="t d">`,
    `<title id="t">${escapeXml(title)}</title><desc id="d">${escapeXml(describe(result))}</desc>`,
    `<style>${styleSheet()}</style><rect class="page" width="${WIDTH}" height="${px(height)}"/>`,
    drawHeader(result, title),
    drawLegend(result, reference),
    ...[WAVE, PITCH].map(
      ({ x, y, width, height: h }) => `<rect class="panel" x="${x}" y="${y}" width="${width}" height="${h}" rx="6"/>`,
    ),
    drawPauses(result.timing.pauses, time, WAVE.y, PITCH.y + PITCH.height),
    drawWave(result, sound, WAVE),
    drawPitch(result, reference, PITCH),
    drawTiers(intervals, time, TIERS_Y),
    drawTimeAxis(time, axisY),
  ]
  return `${parts.join('\n')}\n</svg>\n`
}

function titleOf({ comparison }: Result): string {
  return comparison === null || comparison.score === null ? 'Pitch and timing' : `Score ${comparison.score}`
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
  if (comparison?.components) {
    const { pitch_rmse_semitones, pitch_correlation, range_ratio, timing_ratio, time_warping } = comparison.components
    return [
      `${pitch_rmse_semitones.toFixed(1)} semitones apart`,
      pitch_correlation === null ? '' : `melody follows ${percent(Math.max(0, pitch_correlation))}`,
      range_ratio === null ? '' : `pitch range ${percent(range_ratio)}`,
      `duration ${percent(timing_ratio)}`,
      `rhythm follows ${percent(evennessOf(time_warping))}`,
    ]
      .filter((part) => part !== '')
      .join(' · ')
  }
  if (comparison?.reason) return COMPARISON_REASONS[comparison.reason]
  const range = pitch.range_semitones === null ? '' : ` · range ${pitch.range_semitones.toFixed(1)} semitones`
  return pitch.median_hz === null
    ? `No voice was found in ${durationS.toFixed(2)} s`
    : `${durationS.toFixed(2)} s · median ${Math.round(pitch.median_hz)} Hz${range}`
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`
}

/** Right-aligned, in the order of the layers. */
function drawLegend({ comparison }: Result, reference: PitchContour | null): string {
  const names = ['learner', ...(reference !== null && comparison?.alignment.length ? ['reference'] : [])]
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
