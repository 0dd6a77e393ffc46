/** TextGrids and pitch tiers in Praat's long text form, UTF-8. */
import type { LabelledInterval, TextGrid, Tier } from './text-grid.ts'

/** A tier of intervals without any is written with one empty interval, because Praat takes no such tier. */
export function formatTextGrid({ startS, endS, tiers }: TextGrid): string {
  const head = ['File type = "ooTextFile"', 'Object class = "TextGrid"', '', `xmin = ${startS}`, `xmax = ${endS}`]
  const items = tiers.flatMap((tier, i) => [
    `    item [${i + 1}]:`,
    `        class = "${tier.kind === 'points' ? 'TextTier' : 'IntervalTier'}"`,
    `        name = ${text(tier.name)}`,
    `        xmin = ${startS}`,
    `        xmax = ${endS}`,
    ...marksOf(tier, { startS, endS, label: '' }).map((line) => `        ${line}`),
  ])
  return `${[...head, 'tiers? <exists>', `size = ${tiers.length}`, 'item []:', ...items].join('\n')}\n`
}

export interface PitchPoint {
  readonly timeS: number
  readonly f0Hz: number
}

/** Points in order of time. */
export function formatPitchTier(endS: number, points: readonly PitchPoint[]): string {
  const head = ['File type = "ooTextFile"', 'Object class = "PitchTier"', '', 'xmin = 0', `xmax = ${endS}`]
  const lines = points.flatMap(({ timeS, f0Hz }, i) => [
    `points [${i + 1}]:`,
    `    number = ${timeS}`,
    `    value = ${f0Hz}`,
  ])
  return `${[...head, `points: size = ${points.length}`, ...lines].join('\n')}\n`
}

function marksOf(tier: Tier, whole: LabelledInterval): string[] {
  if (tier.kind === 'points') {
    const points = tier.points.flatMap(({ timeS, label }, i) => [
      `points [${i + 1}]:`,
      `    number = ${timeS}`,
      `    mark = ${text(label)}`,
    ])
    return [`points: size = ${tier.points.length}`, ...points]
  }
  const intervals = tier.intervals.length === 0 ? [whole] : tier.intervals
  const lines = intervals.flatMap(({ startS, endS, label }, i) => [
    `intervals [${i + 1}]:`,
    `    xmin = ${startS}`,
    `    xmax = ${endS}`,
    `    text = ${text(label)}`,
  ])
  return [`intervals: size = ${intervals.length}`, ...lines]
}

function text(value: string): string {
  return `"${value.replaceAll('"', '""')}"`
}
