/**
 * Praat's TextGrid: tiers of labelled intervals and of labelled points. Reads the long, the short and the
 * chronological text form (formats as Praat's manual describes them, "TextGrid file formats").
 */
import { type PraatReader, readPraatText } from './praat-text.ts'
import { decodeReferenceText, invalidReference, quoted, readReferenceTime } from './reference-text.ts'

export interface LabelledInterval {
  readonly startS: number
  readonly endS: number
  /** May be empty, and may have any character but NUL. */
  readonly label: string
}

export interface LabelledPoint {
  readonly timeS: number
  readonly label: string
}

export type Tier =
  /** Intervals in order and without gaps, from the tier's first moment to its last; possibly none. */
  | { readonly kind: 'intervals'; readonly name: string; readonly intervals: readonly LabelledInterval[] }
  /** Points in order. */
  | { readonly kind: 'points'; readonly name: string; readonly points: readonly LabelledPoint[] }

export interface TextGrid {
  readonly startS: number
  readonly endS: number
  readonly tiers: readonly Tier[]
}

export const MAX_TIERS = 100
/** Intervals and points of all tiers: an hour's phones. */
export const MAX_MARKS = 100_000
/** Of these, with a label: a result has a line for each. */
export const MAX_LABELLED = 5000
export const MAX_LABEL_LENGTH = 1000
/** Characters of all labels together. */
export const MAX_LABELS_LENGTH = 200_000
export const MAX_NAME_LENGTH = 200

/** Other programs round the end of one interval and the start of the next each on its own. */
const ROUNDING_S = 0.001
const CHRONOLOGICAL = 'Praat chronological TextGrid text file'

/** @throws AppError `reference-invalid`, with a sentence that names the line and what is wrong there */
export function parseTextGrid(bytes: Uint8Array): TextGrid {
  const text = decodeReferenceText(bytes)
  if (!/^\s*(File type|")/.test(text.slice(0, 200))) throw invalidReference('This is not a TextGrid', 1)
  const reader = readPraatText(text)
  const head = reader.text('the file type')
  if (head === CHRONOLOGICAL) return parseChronological(reader)
  const kind = reader.text('the class of the object')
  if (!head.startsWith('ooTextFile') || kind !== 'TextGrid') {
    throw invalidReference(`This is a ${quoted(head.startsWith('ooTextFile') ? kind : head)} file, not a TextGrid`, 1)
  }
  return parseTierByTier(reader)
}

interface OpenTier {
  readonly kind: Tier['kind']
  readonly name: string
  readonly startS: number
  readonly endS: number
  readonly intervals: LabelledInterval[]
  readonly points: LabelledPoint[]
}

function parseTierByTier(reader: PraatReader): TextGrid {
  const domain = readDomain(reader, 'the TextGrid')
  const tierCount = reader.flag('the flag <exists>') === '<exists>' ? reader.count('The number of tiers', MAX_TIERS) : 0
  const tiers: Tier[] = []
  const tally: Tally = { labelled: 0, characters: 0 }
  let marks = 0
  for (let t = 0; t < tierCount; t++) {
    const tier = openTier(reader)
    const count = reader.count(`The size of tier ${quoted(tier.name)}`, MAX_MARKS - marks)
    for (let i = 0; i < count; i++) readMark(reader, tier, tally)
    marks += count
    tiers.push(closeTier(reader, tier))
  }
  return { ...domain, tiers }
}

function parseChronological(reader: PraatReader): TextGrid {
  const domain = readDomain(reader, 'the TextGrid')
  const tierCount = reader.count('The number of tiers', MAX_TIERS)
  const tiers = Array.from({ length: tierCount }, () => openTier(reader))
  const tally: Tally = { labelled: 0, characters: 0 }
  for (let marks = 0; !reader.atEnd(); marks++) {
    const tier = tiers[reader.count('The number of a tier', tierCount) - 1]
    if (tier === undefined) throw invalidReference('Tiers are numbered from 1', reader.line)
    if (marks === MAX_MARKS)
      throw invalidReference(`There are more than ${MAX_MARKS} intervals and points`, reader.line)
    readMark(reader, tier, tally)
  }
  return { ...domain, tiers: tiers.map((tier) => closeTier(reader, tier)) }
}

function readDomain(reader: PraatReader, whose: string): { startS: number; endS: number } {
  const startS = readReferenceTime(reader.number(`the start of ${whose}`), reader.line)
  const endS = readReferenceTime(reader.number(`the end of ${whose}`), reader.line)
  if (endS <= startS)
    throw invalidReference(`${whose} ends at ${endS} s, not after its start at ${startS} s`, reader.line)
  return { startS, endS }
}

function openTier(reader: PraatReader): OpenTier {
  const kind = reader.text('the class of a tier')
  if (kind !== 'IntervalTier' && kind !== 'TextTier') {
    throw invalidReference(`There is no class of tiers ${quoted(kind)}: take IntervalTier or TextTier`, reader.line)
  }
  const name = readLabel(reader, 'the name of a tier', MAX_NAME_LENGTH)
  const domain = readDomain(reader, `tier ${quoted(name)}`)
  return { kind: kind === 'TextTier' ? 'points' : 'intervals', name, ...domain, intervals: [], points: [] }
}

interface Tally {
  labelled: number
  characters: number
}

function readMark(reader: PraatReader, tier: OpenTier, tally: Tally): void {
  const label = tier.kind === 'points' ? readPoint(reader, tier) : readInterval(reader, tier)
  if (label === '') return
  if (++tally.labelled > MAX_LABELLED) {
    throw invalidReference(`There are more than ${MAX_LABELLED} labelled intervals and points`, reader.line)
  }
  tally.characters += label.length
  if (tally.characters > MAX_LABELS_LENGTH) {
    throw invalidReference(`The labels have more than ${MAX_LABELS_LENGTH} characters in all`, reader.line)
  }
}

function readInterval(reader: PraatReader, { name, startS: tierStartS, intervals }: OpenTier): string {
  const startS = reader.number('the start of an interval')
  const line = reader.line
  const endS = reader.number('the end of an interval')
  const label = readLabel(reader, 'the label of an interval', MAX_LABEL_LENGTH)
  const before = intervals.at(-1)?.endS ?? tierStartS
  const which = `interval ${intervals.length + 1} of tier ${quoted(name)}`
  if (Math.abs(startS - before) > ROUNDING_S) {
    const expected = intervals.length === 0 ? `the tier at ${before} s` : `the one before ends at ${before} s`
    throw invalidReference(`${which} begins at ${startS} s, but ${expected}`, line)
  }
  if (endS <= before) throw invalidReference(`${which} ends at ${endS} s, not after its start at ${before} s`, line)
  intervals.push({ startS: before, endS, label })
  return label
}

function readPoint(reader: PraatReader, { name, startS, endS, points }: OpenTier): string {
  const timeS = reader.number('the time of a point')
  const line = reader.line
  const label = readLabel(reader, 'the label of a point', MAX_LABEL_LENGTH)
  const which = `point ${points.length + 1} of tier ${quoted(name)}`
  if (timeS < startS - ROUNDING_S || timeS > endS + ROUNDING_S) {
    throw invalidReference(`${which} is at ${timeS} s, outside the tier (${startS}–${endS} s)`, line)
  }
  const before = points.at(-1)?.timeS
  if (before !== undefined && timeS < before) {
    throw invalidReference(`${which} is at ${timeS} s, before the one before it at ${before} s`, line)
  }
  points.push({ timeS, label })
  return label
}

function readLabel(reader: PraatReader, what: string, most: number): string {
  const label = reader.text(what)
  if (label.length <= most) return label
  throw invalidReference(`${what} has ${label.length} characters, more than ${most}`, reader.line)
}

function closeTier(reader: PraatReader, { kind, name, endS, intervals, points }: OpenTier): Tier {
  if (kind === 'points') return { kind, name, points }
  const last = intervals.at(-1)
  if (last !== undefined && Math.abs(last.endS - endS) > ROUNDING_S) {
    throw invalidReference(
      `The last interval of tier ${quoted(name)} ends at ${last.endS} s, the tier at ${endS} s`,
      reader.line,
    )
  }
  return { kind, name, intervals }
}
