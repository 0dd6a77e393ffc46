/**
 * The reference of one task, made inside the analysis thread. A fault of the reference is told, never thrown: the learner
 * did not make it.
 */
import type { CreateRealFft } from '../analysis/fft.ts'
import { formatKeptTrack, readKeptTrack } from '../analysis/kept-track.ts'
import type { PitchOptions } from '../analysis/pitch.ts'
import { parseReference, type Reference } from '../analysis/reference.ts'
import { AppError, toAppError } from '../domain/errors.ts'
import type { ReferenceFault } from '../ports.ts'
import { analyseFile } from './analyse-file.ts'
import type { FfmpegTools } from './ffmpeg-tools.ts'

/** Bytes of files, and the path of the reference recording where its pitch has to be computed. */
export interface TaskReference {
  readonly textGrid: Uint8Array | null
  readonly pitch: Uint8Array | null
  readonly computedPitch: Uint8Array | null
  readonly audioPath: string | null
}

export type ReadReference =
  | {
      readonly reference: Reference
      /** The recording's track, when it was computed here and has voice in it: worth keeping. */
      readonly computedPitch?: Uint8Array
    }
  | { readonly fault: ReferenceFault }

export interface ReadReferenceOptions {
  readonly createFft: CreateRealFft
  /** How the learner's recording is tracked, and so the reference's. */
  readonly mode: PitchOptions['mode']
  readonly maxDurationS: number
  /** As `decodeFile` takes them. */
  readonly ffmpeg: FfmpegTools | null
  /** For the reference's recording; a longer one counts as a fault of its own, so that the learner's gets its time. */
  readonly timeoutMs: number
  /** Throws to stop the work; what it throws is thrown on. */
  readonly checkAborted: () => void
  readonly onProgress?: (share: number) => void
}

/** @throws what `checkAborted` throws, and errors that may pass */
export async function readTaskReference(files: TaskReference, options: ReadReferenceOptions): Promise<ReadReference> {
  try {
    return await read(files, options)
  } catch (error) {
    options.checkAborted()
    if (error instanceof AppError && error.retry === 'later') throw error
    const { code, detail } = toAppError(error, 'reference-invalid')
    return { fault: { code, detail } }
  }
}

async function read(
  { textGrid, pitch, computedPitch, audioPath }: TaskReference,
  options: ReadReferenceOptions,
): Promise<ReadReference> {
  if (pitch !== null || (computedPitch === null && audioPath === null)) {
    return { reference: parseReference({ textGrid, pitch }) }
  }
  const { mode } = options
  const { textGrid: labels } = parseReference({ textGrid })
  if (computedPitch !== null) return { reference: { pitch: readKeptTrack(computedPitch), mode, textGrid: labels } }
  const { pitch: tracked } = await trackRecording(audioPath ?? '', options)
  const reference = { pitch: tracked, mode, textGrid: labels }
  return tracked.f0Hz.some((f0) => f0 > 0) ? { reference, computedPitch: formatKeptTrack(tracked) } : { reference }
}

function trackRecording(path: string, options: ReadReferenceOptions) {
  const { timeoutMs, checkAborted, onProgress = () => {} } = options
  const until = performance.now() + timeoutMs
  return analyseFile(path, {
    ...options,
    onProgress,
    checkAborted() {
      checkAborted()
      if (performance.now() < until) return
      throw new AppError('analysis-timeout', 'The reference recording could not be analysed in the time allowed.')
    },
  })
}
