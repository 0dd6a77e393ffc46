/** How fast pitch is tracked in a warm thread, against the command line of Praat on the same files, in turns. */
import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { resample } from '../../src/analysis/resample.ts'
import { quantile } from '../../src/analysis/statistics.ts'
import type { Judged } from './accuracy.ts'
import type { Figures } from './figures.ts'
import type { PitchQuestion, PitchTimes } from './pitch-thread.ts'
import { praatPitchMs } from './praat.ts'
import { writeWav } from './wav-writer.ts'

const RATE_HZ = 16_000
const ROUNDS = 7
/** Before the first round: the thread is warm, and the file is in memory. */
const WARM_UP_ROUNDS = 2

/** Of the pitch alone. */
const LEAST_REALTIME = 300

const LENGTHS = [
  { name: '6-s', durationS: 6, target: 8 },
  { name: '60-s', durationS: 60, target: 3 },
  { name: '10-min', durationS: 600, target: 2 },
] as const

export async function reportSpeed(
  judged: readonly Judged[],
  folder: string,
  withPraat: boolean,
  figures: Figures,
): Promise<void> {
  const thread = new Worker(new URL('./pitch-thread.ts', import.meta.url))
  try {
    for (const { name, durationS, target } of LENGTHS) {
      const path = join(folder, `speech-${name}.wav`)
      writeSpeech(path, judged, durationS)
      const { praatMs, readMs, pitchMs, modePraatMs } = await race(thread, folder, path, withPraat)
      const realtime = (ms: number) => (1000 * durationS) / ms
      const more = { rounds: ROUNDS, pitch_ms: pitchMs, read_ms: readMs, mode_praat_ms: modePraatMs }
      const speed = { name: `speed/pitch/${name}`, value: realtime(pitchMs), unit: 'x realtime' }
      figures.add({ ...speed, target: LEAST_REALTIME, bound: 'least' }, more)
      if (praatMs === undefined) continue
      const ratio = { name: `speed/praat-cli-ratio/${name}`, value: praatMs / pitchMs, unit: 'x as fast' }
      const ours = { with_reading: praatMs / (pitchMs + readMs), mode_praat: praatMs / modePraatMs }
      figures.add({ ...ratio, target, bound: 'least' }, { rounds: ROUNDS, praat_ms: praatMs, ...ours })
    }
  } finally {
    await thread.terminate()
  }
}

/** Medians in milliseconds of so many rounds, in each of which everyone has a turn. */
async function race(thread: Worker, folder: string, path: string, withPraat: boolean) {
  const robust: PitchTimes[] = []
  const parity: PitchTimes[] = []
  const praat: number[] = []
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    if (round === 0) for (const times of [robust, parity, praat]) times.length = 0
    if (withPraat) praat.push(await praatPitchMs(folder, path))
    robust.push(await askThread(thread, { path, mode: 'robust' }))
    parity.push(await askThread(thread, { path, mode: 'praat' }))
  }
  return {
    praatMs: withPraat ? median(praat) : undefined,
    readMs: median(robust.map((times) => times.readMs)),
    pitchMs: median(robust.map((times) => times.pitchMs)),
    modePraatMs: median(parity.map((times) => times.pitchMs)),
  }
}

/** Speech of one file after the other, round and round, until it is long enough. */
export function writeSpeech(
  path: string,
  judged: readonly Judged[],
  durationS: number,
  rateHz = RATE_HZ,
  channels = 1,
): void {
  const material = judged.filter(({ set, condition }) => set !== 'synthetic' && condition !== 'white-5')
  const sources = (material.length > 20 ? material : judged).map(({ sound }) => sound)
  const samples = new Float32Array(durationS * rateHz * channels)
  for (let filled = 0, i = 0; filled < samples.length; i++) {
    const part = resample(sources[i % sources.length]!, rateHz).samples
    const room = Math.min(part.length * channels, samples.length - filled)
    for (let k = 0; k < room; k++) samples[filled + k] = part[Math.floor(k / channels)]!
    filled += room
  }
  writeWav(path, samples, rateHz, channels)
}

async function askThread(thread: Worker, question: PitchQuestion): Promise<PitchTimes> {
  thread.postMessage(question)
  const [answer] = await once(thread, 'message')
  return answer
}

function median(values: readonly number[]): number {
  return quantile(Float64Array.from(values), 0.5)!
}
