/** The rows of the table of docs/scoring.md: which pairs of utterances are scored. */
import { compare } from '../../src/analysis/compare.ts'
import type { PitchContour } from '../../src/analysis/pitch-file.ts'
import { imitate, withRange } from './imitations.ts'
import type { Random } from './random.ts'
import type { Utterance } from './utterances.ts'

export interface Row {
  readonly name: string
  /** The median is to reach the target where the imitation is good, and to stay below it where it is none. */
  readonly bound: 'most' | 'least'
  readonly target: number
  readonly scores: readonly number[]
}

type Pair = readonly [learner: PitchContour, reference: PitchContour]

/** Two are of nearly the same length when the logarithm of their ratio is less. */
const NEARLY = 0.1

export function promptRows(prompts: readonly Utterance[], random: Random): Row[] {
  const of = (change: (pitch: PitchContour) => PitchContour) =>
    prompts.map(({ pitch }) => [change(pitch), pitch] as const)
  return [
    row(
      'the same recording',
      'least',
      99.9,
      of((pitch) => pitch),
    ),
    row(
      'uneven, narrower, off the melody',
      'least',
      60,
      of((pitch) => imitate(pitch, random)),
    ),
    row(
      'the same, 1.7 times as much',
      'least',
      38,
      of((pitch) => imitate(pitch, random, 1.7)),
    ),
    row(
      'flattened to a quarter',
      'most',
      40,
      of((pitch) => withRange(pitch, 0.25)),
    ),
    row(
      'monotone',
      'most',
      3,
      of((pitch) => withRange(pitch, 0)),
    ),
    row(
      'inverted',
      'most',
      3,
      of((pitch) => withRange(pitch, -1)),
    ),
    row('another prompt', 'most', 5, others(prompts)),
    row('another prompt of nearly the same length', 'most', 8, neighbours(prompts)),
  ]
}

/** Two people who read a prompt of one name. */
export function readerRow(ones: readonly Utterance[], others: readonly Utterance[]): Row {
  const pairs = ones.flatMap((one) => {
    const other = others.find(({ text }) => text === one.text)
    return other === undefined ? [] : [[one.pitch, other.pitch] as const, [other.pitch, one.pitch] as const]
  })
  return row('two people reading a prompt of one name', 'most', 20, pairs)
}

/** Each said by several voices at several tempi. */
export function sentenceRows(kind: string, spoken: readonly Utterance[], targets: readonly [number, number]): Row[] {
  const pairs = spoken.flatMap((reference) =>
    spoken.filter((learner) => learner !== reference).map((learner) => ({ learner, reference })),
  )
  const same = pairs.filter(({ learner, reference }) => learner.text === reference.text)
  const different = pairs.filter(({ learner, reference }) => learner.text !== reference.text)
  const near = different.filter(
    ({ learner, reference }) => Math.abs(Math.log(spanOf(learner.pitch) / spanOf(reference.pitch))) < NEARLY,
  )
  const contours = (some: typeof pairs) =>
    some.map(({ learner, reference }) => [learner.pitch, reference.pitch] as const)
  return [
    row(`${kind}: same sentence, another voice or tempo`, 'least', targets[0], contours(same)),
    row(`${kind}: another sentence of nearly the same length`, 'most', targets[1], contours(near)),
  ]
}

/** A statement for a question by the same voice, and the reverse: the halves of the list, one for one. */
export function questionRow(statements: readonly Utterance[], questions: readonly Utterance[]): Row {
  const pairs = statements.flatMap(({ pitch }, i) => {
    const question = questions[i]!.pitch
    return [[pitch, question] as const, [question, pitch] as const]
  })
  return row('statement for question, or the reverse', 'most', 70, pairs)
}

function row(name: string, bound: Row['bound'], target: number, pairs: readonly Pair[]): Row {
  return { name, bound, target, scores: pairs.flatMap(scoreOf) }
}

/** None where there is too little voice. */
function scoreOf([learner, reference]: Pair): number[] {
  const imitation = { durationS: learner.f0Hz.length * learner.stepS, pitch: learner }
  const { score } = compare(imitation, { pitch: reference, mode: 'robust', textGrid: null })
  return score === null ? [] : [score]
}

/** Each with one that says something else, halfway round. */
function others(prompts: readonly Utterance[]): Pair[] {
  return prompts.flatMap((prompt, i) => {
    const other = prompts[(i + (prompts.length >> 1)) % prompts.length]!
    return other.text === prompt.text ? [] : [[other.pitch, prompt.pitch] as const]
  })
}

/** Each with the four nearest in length that have another name. */
function neighbours(prompts: readonly Utterance[]): Pair[] {
  return prompts.flatMap((prompt) => {
    const off = (other: Utterance) => Math.abs(Math.log(spanOf(other.pitch) / spanOf(prompt.pitch)))
    return prompts
      .filter((other) => other.text !== prompt.text)
      .toSorted((a, b) => off(a) - off(b))
      .slice(0, 4)
      .map((other) => [other.pitch, prompt.pitch] as const)
  })
}

/** From the first voiced frame to the last. */
function spanOf({ f0Hz, stepS }: PitchContour): number {
  const voiced = (f0: number) => f0 > 0
  return Math.max(1, f0Hz.findLastIndex(voiced) - f0Hz.findIndex(voiced)) * stepS
}
