/**
 * The benchmark of the score: imitations whose worth is known, each row of the table of docs/scoring.md a figure. The
 * constants were chosen by looking at one half of the material; the other half was only run.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CreateRealFft } from '../../src/analysis/fft.ts'
import { quantile } from '../../src/analysis/statistics.ts'
import { loadFft } from '../../src/media/fft.ts'
import type { Figures } from './figures.ts'
import { versionOf } from './programs.ts'
import { createRandom } from './random.ts'
import { CHOSEN_ON, HELD_OUT, type Script } from './scored-sentences.ts'
import { promptRows, questionRow, type Row, readerRow, sentenceRows } from './scoring-rows.ts'
import { READERS, readPrompts, speakAll, type Utterance } from './utterances.ts'

const HALVES = { 'chosen on': CHOSEN_ON, 'held out': HELD_OUT } as const
/** Of every four prompts one is in each half: more would only take longer. */
const PROMPTS = { every: 4, 'chosen on': 0, 'held out': 2 } as const

/** Rows whose material is not on the machine are left out, and people are told so. */
export async function benchScoring(figures: Figures, seed: number): Promise<void> {
  const createFft = await loadFft()
  const prompts = await findPrompts(createFft, figures)
  const speaks = (await versionOf('espeak-ng')) !== undefined
  if (!speaks) figures.say('espeak-ng is not on this machine: the sentences that it says are left out')
  for (const half of ['chosen on', 'held out'] as const) {
    const ours = prompts.filter((_, i) => i % PROMPTS.every === PROMPTS[half])
    if (ours.length > 0) report(half, promptRows(ours, createRandom(seed)), figures)
    if (speaks) report(half, await spokenRows(HALVES[half], createFft), figures)
  }
  const [woman, man] = ['it_IT_f_Menardi', 'it_IT_m_Carlo'].map((reader) =>
    prompts.filter(({ voice }) => voice === reader),
  )
  const two = readerRow(woman!, man!)
  if (two.scores.length > 0) report('neither', [two], figures)
}

async function findPrompts(createFft: CreateRealFft, figures: Figures): Promise<Utterance[]> {
  const prompts: Utterance[] = []
  for (const reader of READERS) {
    const found = await readPrompts(reader, createFft)
    if (found.length === 0) figures.say(`The prompts of ${reader} are not on this machine: they are left out`)
    prompts.push(...found)
  }
  return prompts
}

async function spokenRows({ short, long, either, voices }: Script, createFft: CreateRealFft): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'tonewire-bench-'))
  const speak = (texts: readonly string[], tempi: readonly number[], by = voices) =>
    speakAll(texts, by, tempi, folder, createFft)
  const ended = (mark: string) => either.map((text) => `${text}${mark}`)
  try {
    return [
      ...sentenceRows('short', await speak(short, [150, 180]), [65, 25]),
      ...sentenceRows('long', await speak(long, [130, 160, 190]), [60, 10]),
      questionRow(
        await speak(ended('.'), [150], voices.slice(0, 1)),
        await speak(ended('?'), [150], voices.slice(0, 1)),
      ),
    ]
  } finally {
    await rm(folder, { recursive: true })
  }
}

function report(half: string, rows: readonly Row[], figures: Figures): void {
  for (const { name, bound, target, scores } of rows) {
    const at = (share: number) => Number((quantile(Float64Array.from(scores), share) ?? 0).toFixed(1))
    const more = { pairs: scores.length, p10: at(0.1), p90: at(0.9), least: at(0), most: at(1) }
    figures.add({ name: `${name}, ${half}`, value: at(0.5), unit: 'points', target, bound }, more)
    figures.say(`  ${more.p10}–${more.p90}, ${more.least} to ${more.most}, ${more.pairs} pairs`)
  }
}
