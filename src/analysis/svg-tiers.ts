/** The reference's labels as rows of boxes in the learner's time, coloured by how well each was said. */
import type { Direction } from '../domain/comparison.ts'
import type { ComparedIntervals } from './result-needs.ts'
import { type TimeScale, xAt } from './svg-panels.ts'
import { escapeXml, fitText, px, textWidth } from './svg-parts.ts'

type Intervals = ComparedIntervals

const ROW_HEIGHT = 28
const ROW_GAP = 4
/** Those of a grid with more would leave no room for the melody. */
const MOST_TIERS = 5
const NARROWEST_PX = 1.5
/** Of a tier: more do not fit beside one another. */
const MOST_INTERVALS = 600
/** The smaller one where the label needs it. */
const FONT_SIZES = [13, 11]
const GOOD_SCORE = 75
const FAIR_SCORE = 50

/** What the learner's voice does, as a sign and in words. */
const DIRECTIONS: Readonly<Record<Direction, readonly [sign: string, words: string]>> = {
  higher: ['↑', 'higher than the reference'],
  lower: ['↓', 'lower than the reference'],
  flatter: ['→', 'flatter than the reference'],
  wider: ['↕', 'wider than the reference'],
  match: ['', 'like the reference'],
}

export function heightOfTiers(intervals: Intervals): number {
  return tiersOf(intervals).length * (ROW_HEIGHT + ROW_GAP) + 6
}

export function drawTiers(intervals: Intervals, time: TimeScale, top: number): string {
  return tiersOf(intervals)
    .map(([name, members], row) => {
      const y = top + row * (ROW_HEIGHT + ROW_GAP)
      const label = escapeXml(fitText(name, time.x - 12, 11))
      const caption = `<text class="faint" x="${px(time.x - 8)}" y="${y + ROW_HEIGHT / 2}" dy=".35em" font-size="11" text-anchor="end">${label}</text>`
      const drawn = members.map((interval) => drawInterval(interval, time, y)).filter((box) => box !== '')
      return caption + drawn.slice(0, MOST_INTERVALS).join('')
    })
    .join('')
}

/** The first tiers in their order; `Object.groupBy` would put tiers with numbers for names first. */
function tiersOf(intervals: Intervals): [string, Intervals][] {
  return [...Map.groupBy(intervals as Intervals[number][], ({ tier }) => tier)].slice(0, MOST_TIERS)
}

function drawInterval(interval: Intervals[number], time: TimeScale, y: number): string {
  const left = xAt(time, interval.start_s)
  const width = xAt(time, interval.end_s) - left
  if (width < NARROWEST_PX) return ''
  const [sign, words] = directionOf(interval)
  const { text, fontSize } = fitLabel(interval.label, sign, width - 4)
  const score = interval.score == null ? '' : `: ${Math.round(interval.score)} of 100`
  return (
    `<g><title>${escapeXml(`${interval.label}${score}${words}`)}</title>` +
    `<rect class="box ${gradeOf(interval.score)}" x="${px(left + 0.5)}" y="${y}" width="${px(Math.max(1, width - 1))}" height="${ROW_HEIGHT}" rx="4"/>` +
    `<text x="${px(left + width / 2)}" y="${y + ROW_HEIGHT / 2}" dy=".35em" font-size="${fontSize}" text-anchor="middle">${escapeXml(text)}</text></g>`
  )
}

/** A third party may have words of its own, or none. */
function directionOf({ direction }: Intervals[number]): readonly [sign: string, words: string] {
  if (direction === null) return ['', ', without voice']
  if (direction === undefined || !Object.hasOwn(DIRECTIONS, direction)) return ['', '']
  const [sign, words] = DIRECTIONS[direction as Direction]
  return [sign, `, ${words}`]
}

/** The sign goes before the label does: the title says it too. */
function fitLabel(label: string, sign: string, width: number): { text: string; fontSize: number } {
  const whole = label.replace(/\s+/g, ' ').trim()
  for (const text of [`${whole} ${sign}`.trim(), whole]) {
    const fontSize = FONT_SIZES.find((size) => textWidth(text, size) <= width)
    if (fontSize !== undefined) return { text, fontSize }
  }
  const smallest = FONT_SIZES.at(-1)!
  return { text: fitText(whole, width, smallest), fontSize: smallest }
}

function gradeOf(score: number | null | undefined): string {
  if (score == null) return ''
  if (score >= GOOD_SCORE) return 'good'
  return score >= FAIR_SCORE ? 'fair' : 'poor'
}
