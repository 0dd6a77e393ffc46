/** The files that accuracy is measured on, written into a folder. */
import { globSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { CreateRealFft } from '../../src/analysis/fft.ts'
import type { Sound } from '../../src/analysis/sound.ts'
import { decodeFile } from '../../src/media/decode.ts'
import { CONDITIONS, inCondition } from './noise.ts'
import { run } from './programs.ts'
import { createRandom, type Random } from './random.ts'
import { resynthesise } from './resynthesis.ts'
import { SENTENCES, type Sentence } from './sentences.ts'
import { synthesise, type Voice } from './voice.ts'
import { writeWav } from './wav-writer.ts'

export const SETS = ['synthetic', 'resynthesised', 'spoken', 'recorded'] as const

export interface Item {
  readonly set: (typeof SETS)[number]
  readonly condition: string
  readonly path: string
  /** F0 in Hz every millisecond, 0 where unvoiced; undefined where nobody knows it. */
  readonly trueF0Hz?: Float64Array
  /** Undefined where nobody counted. */
  readonly syllables?: number
}

export interface MaterialOptions {
  readonly folder: string
  readonly seed: number
  readonly createFft: CreateRealFft
  /** Whether `espeak-ng` is here: without it there is no speech but recordings. */
  readonly canSpeak: boolean
}

/** Nothing of a file is left out. */
const WHOLE = { maxDurationS: 3600, highestRateHz: 48_000 }

export async function makeMaterial({ folder, seed, createFft, canSpeak }: MaterialOptions): Promise<Item[]> {
  const random = createRandom(seed)
  const items = synthesise(random).flatMap((voice) => inConditions('synthetic', voice, folder, random))
  for (const [i, sentence] of canSpeak ? SENTENCES.entries() : []) {
    const name = `${sentence.voice.replace('+', '-')}-${i}`
    const spoken = await speak(sentence, join(folder, `spoken-${name}.wav`))
    const voice = resynthesise(name, spoken.sound, createFft, random)
    items.push(spoken.item, ...inConditions('resynthesised', voice, folder, random, sentence.syllables))
  }
  return [...items, ...(await recordings(folder))]
}

function inConditions(set: Item['set'], voice: Voice, folder: string, random: Random, syllables?: number): Item[] {
  return CONDITIONS.map((condition) => {
    const path = join(folder, `${set}-${voice.name}-${condition.name}.wav`)
    writeWav(path, inCondition(voice, condition, random), voice.sampleRateHz)
    const item = { set, condition: condition.name, path, trueF0Hz: voice.f0Hz }
    return syllables === undefined ? item : { ...item, syllables }
  })
}

async function speak({ voice, text, syllables }: Sentence, path: string): Promise<{ item: Item; sound: Sound }> {
  await run('espeak-ng', ['-v', voice, '-s', '150', '-w', path, text])
  const { sound } = await decodeFile(path, WHOLE)
  const item = { set: 'spoken', condition: 'clean', path } as const
  return { item: syllables === undefined ? item : { ...item, syllables }, sound }
}

/** The recordings in examples/, decoded to WAV that Praat and ffmpeg can read too. */
async function recordings(folder: string): Promise<Item[]> {
  const examples = new URL('../../examples/recordings/', import.meta.url).pathname
  const items: Item[] = []
  for (const name of globSync('**/*.wav', { cwd: examples }).sort()) {
    const { sound } = await decodeFile(join(examples, name), WHOLE)
    const path = join(folder, `recorded-${basename(name)}`)
    writeWav(path, sound.samples, sound.sampleRateHz)
    items.push({ set: 'recorded', condition: 'as recorded', path })
  }
  return items
}
