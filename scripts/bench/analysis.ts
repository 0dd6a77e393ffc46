/** The benchmark of the analysis engine: is it right, and is it fast. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadFft } from '../../src/media/fft.ts'
import { judge, reportIntensity, reportParity, reportSyllables, reportTruth } from './accuracy.ts'
import { reportDecoding, reportDecodingSpeed } from './decoding.ts'
import type { Figures } from './figures.ts'
import { reportHostile } from './hostile.ts'
import { reportCompressedThroughput, reportThroughput } from './jobs.ts'
import { reportLossy } from './lossy.ts'
import { reportLoudness } from './loudness.ts'
import { makeMaterial } from './material.ts'
import { praatFigures } from './praat.ts'
import { versionOf } from './programs.ts'
import { reportSpeed } from './speed.ts'

/** Figures that need a program which is not here are left out, and people are told so. */
export async function benchAnalysis(figures: Figures, seed: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tonewire-bench-'))
  try {
    const tools = await findTools(figures)
    const createFft = await loadFft()
    figures.say(`Making the material (SEED=${seed})`)
    const items = await makeMaterial({ folder, seed, createFft, canSpeak: tools['espeak-ng'] })
    figures.say(`Analysing ${items.length} files`)
    const paths = items.map(({ path }) => path)
    const praat = tools.praat ? await praatFigures(folder, paths) : undefined
    const judged = await judge(items, praat, createFft)
    reportTruth(judged, figures)
    reportSyllables(judged, figures)
    if (tools.praat) reportParity(judged, createFft, figures)
    if (tools.praat) reportIntensity(judged, figures)
    if (tools.ffmpeg) await reportLoudness(judged, folder, figures)
    await reportSpeed(judged, folder, tools.praat, figures)
    await reportThroughput(judged, folder, figures)
    await reportLossy(judged, folder, createFft, tools.ffmpeg, figures)
    if (tools.ffmpeg) await reportCompressedThroughput(judged, folder, figures)
    if (tools.ffmpeg) await reportDecoding(folder, createFft, figures)
    if (tools.ffmpeg) await reportDecodingSpeed(judged, folder, createFft, figures)
    await reportHostile(folder, seed, tools.ffmpeg, figures)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function findTools(figures: Figures): Promise<Record<'praat' | 'espeak-ng' | 'ffmpeg', boolean>> {
  const found = { praat: false, 'espeak-ng': false, ffmpeg: false }
  for (const name of Object.keys(found) as (keyof typeof found)[]) {
    const version = await versionOf(name)
    found[name] = version !== undefined
    figures.say(version ?? `${name} is not on this machine: figures that need it are left out`)
  }
  return found
}
