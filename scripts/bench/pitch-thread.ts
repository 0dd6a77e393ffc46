/** The inside of a thread that reads a file and tracks its pitch, again and again, and says how long it took. */
import { parentPort } from 'node:worker_threads'
import { HIGHEST_RATE_HZ } from '../../src/analysis/analyse.ts'
import { trackPitch } from '../../src/analysis/pitch.ts'
import { decodeFile } from '../../src/media/decode.ts'
import { loadFft } from '../../src/media/fft.ts'

export interface PitchQuestion {
  readonly path: string
  readonly mode: 'praat' | 'robust'
}

export interface PitchTimes {
  readonly readMs: number
  readonly pitchMs: number
}

const createFft = await loadFft()

parentPort!.on('message', async ({ path, mode }: PitchQuestion) => {
  const began = performance.now()
  const { sound } = await decodeFile(path, { maxDurationS: 3600, highestRateHz: HIGHEST_RATE_HZ[mode] })
  const read = performance.now()
  trackPitch(sound, createFft, { mode })
  const times: PitchTimes = { readMs: read - began, pitchMs: performance.now() - read }
  parentPort!.postMessage(times)
})
