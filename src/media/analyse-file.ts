/** One file, start to end: decode and analyse. What the analysis threads and the command line share. */
import { analyse, HIGHEST_RATE_HZ } from '../analysis/analyse.ts'
import type { CreateRealFft } from '../analysis/fft.ts'
import type { PitchOptions } from '../analysis/pitch.ts'
import type { Analysis } from '../domain/result.ts'
import { decodeFile } from './decode.ts'
import type { FfmpegTools } from './ffmpeg-tools.ts'

export interface AnalyseFileOptions {
  readonly createFft: CreateRealFft
  readonly mode: PitchOptions['mode']
  readonly maxDurationS: number
  /** As `decodeFile` takes them. */
  readonly ffmpeg: FfmpegTools | null
  readonly onProgress?: (share: number, message: string) => void
  /** Called from time to time; throws to stop the work. */
  readonly checkAborted?: () => void
}

/** Decoding's share of the whole, about. */
const DECODE_SHARE = 0.2

/** @throws what `decodeFile` throws */
export async function analyseFile(path: string, options: AnalyseFileOptions): Promise<Analysis> {
  const { createFft, mode, maxDurationS, ffmpeg, onProgress = () => {}, checkAborted = () => {} } = options
  const decoding = {
    maxDurationS,
    highestRateHz: HIGHEST_RATE_HZ[mode],
    createFft,
    checkpoint(share: number) {
      checkAborted()
      onProgress(share * DECODE_SHARE, 'Decoding the recording')
    },
  }
  const recording = await decodeFile(path, decoding, ffmpeg)
  return analyse(recording, {
    createFft,
    pitch: { mode },
    checkAborted,
    onProgress: (share, message) => onProgress(DECODE_SHARE + share * (1 - DECODE_SHARE), message),
  })
}
