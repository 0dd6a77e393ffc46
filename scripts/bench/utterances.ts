/** What the scoring is judged on: prompts that people recorded, and sentences that espeak-ng says. */
import { existsSync, globSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { CreateRealFft } from '../../src/analysis/fft.ts'
import { trackPitch } from '../../src/analysis/pitch.ts'
import type { PitchContour } from '../../src/analysis/pitch-file.ts'
import { decodeFile } from '../../src/media/decode.ts'
import { run } from './programs.ts'

export interface Utterance {
  /** What is said: the prompt's name, or the text. */
  readonly text: string
  readonly voice: string
  /** Words a minute; null for people. */
  readonly tempo: number | null
  readonly durationS: number
  readonly pitch: PitchContour
}

/** Where the packages asterisk-core-sounds-…-wav put their prompts. */
const PROMPTS = '/usr/share/asterisk/sounds'
export const READERS = ['fr_CA_f_June', 'es_MX_f_Allison', 'it_IT_f_Menardi', 'it_IT_m_Carlo'] as const
/** Of the whole file: shorter ones are single words, longer ones are menus. */
const SHORTEST_S = 1.8
const LONGEST_S = 6
const LIMITS = { maxDurationS: 3600, highestRateHz: 16_000 }

/** In the order of their names; none where the reader's package is not installed. */
export async function readPrompts(reader: string, createFft: CreateRealFft): Promise<Utterance[]> {
  const folder = join(PROMPTS, reader)
  if (!existsSync(folder)) return []
  const found: Utterance[] = []
  for (const path of globSync('*.wav', { cwd: folder }).sort()) {
    const { sound } = await decodeFile(join(folder, path), LIMITS)
    if (sound.durationS < SHORTEST_S || sound.durationS > LONGEST_S) continue
    const pitch = trackPitch(sound, createFft)
    found.push({ text: basename(path, '.wav'), voice: reader, tempo: null, durationS: sound.durationS, pitch })
  }
  return found
}

/** Every text by every voice at every tempo, in that order. */
export async function speakAll(
  texts: readonly string[],
  voices: readonly string[],
  tempi: readonly number[],
  folder: string,
  createFft: CreateRealFft,
): Promise<Utterance[]> {
  const path = join(folder, 'spoken.wav')
  const spoken: Utterance[] = []
  for (const text of texts) {
    for (const voice of voices) {
      for (const tempo of tempi) {
        await run('espeak-ng', ['-v', voice, '-s', String(tempo), '-w', path, text])
        const { sound } = await decodeFile(path, LIMITS)
        spoken.push({ text, voice, tempo, durationS: sound.durationS, pitch: trackPitch(sound, createFft) })
      }
    }
  }
  return spoken
}
