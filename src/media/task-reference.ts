/** The reference of one task, made inside the analysis thread. */
import type { CreateRealFft } from '../analysis/fft.ts'
import { parsePitchFile } from '../analysis/pitch-file.ts'
import { parseReference, type Reference } from '../analysis/reference.ts'
import type { PitchTrack } from '../domain/result.ts'
import { analyseFile } from './analyse-file.ts'

/** Bytes of files, and the path of the reference recording where its pitch has to be computed. */
export interface TaskReference {
  readonly textGrid: Uint8Array | null
  readonly pitch: Uint8Array | null
  readonly computedPitch: Uint8Array | null
  readonly audioPath: string | null
}

export interface ReadReference {
  readonly reference: Reference
  /** The recording's track as CSV, when it was computed here and has voice in it: worth keeping. */
  readonly computedPitch?: string
}

/** How reference recordings are tracked: as the learners' are. */
const MODE = 'robust'

export async function readTaskReference(
  { textGrid, pitch, computedPitch, audioPath }: TaskReference,
  options: { readonly createFft: CreateRealFft; readonly maxDurationS: number; readonly checkAborted: () => void },
): Promise<ReadReference> {
  if (pitch !== null || (computedPitch === null && audioPath === null)) {
    return { reference: parseReference({ textGrid, pitch }) }
  }
  const { textGrid: labels } = parseReference({ textGrid })
  if (computedPitch !== null) {
    return { reference: { pitch: parsePitchFile(computedPitch), mode: MODE, textGrid: labels } }
  }
  const { pitch: tracked } = await analyseFile(audioPath ?? '', { ...options, mode: MODE })
  const reference = { pitch: tracked, mode: MODE, textGrid: labels } as const
  return tracked.f0Hz.some((f0) => f0 > 0) ? { reference, computedPitch: formatTrack(tracked) } : { reference }
}

/** Every frame, so that the grid is read back as it was; F0 to 1e-5 Hz. */
function formatTrack({ startS, stepS, f0Hz }: PitchTrack): string {
  const rows = Array.from(f0Hz, (f0, i) => `${(startS + i * stepS).toFixed(6)},${f0 > 0 ? f0.toFixed(5) : ''}`)
  return `time_s,f0_hz\n${rows.join('\n')}\n`
}
