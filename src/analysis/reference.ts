/** What a learner's recording is compared with. */
import type { PitchTrack } from '../domain/result.ts'
import { type PitchContour, parsePitchFile } from './pitch-file.ts'
import { parseTextGrid, type TextGrid } from './text-grid.ts'

export interface Reference {
  /** Of the reference recording, or from a file; null when there is neither. */
  readonly pitch: PitchContour | null
  /** How that pitch was tracked, and so how the learner's should be; files count as Praat's. */
  readonly mode: PitchTrack['mode']
  readonly textGrid: TextGrid | null
}

/** The bytes of reference files; null or absent where there is none of a kind. */
export interface ReferenceFiles {
  readonly textGrid?: Uint8Array | null | undefined
  readonly pitch?: Uint8Array | null | undefined
}

/**
 * Reads what is given of a TextGrid and a pitch file. A pitch file goes before the recording's own pitch: someone may
 * have corrected it by hand.
 *
 * @param tracked the reference recording's own track, where there is one
 * @throws AppError `reference-invalid`, with a sentence that names the kind of file, the line and what is wrong there
 */
export function parseReference({ textGrid, pitch }: ReferenceFiles, tracked: PitchTrack | null = null): Reference {
  return {
    pitch: pitch ? parsePitchFile(pitch) : tracked,
    mode: !pitch && tracked !== null ? tracked.mode : 'praat',
    textGrid: textGrid ? parseTextGrid(textGrid) : null,
  }
}

/** Only reads it, for its faults. @throws as `parseReference` */
export function checkReferenceText(kind: 'textgrid' | 'pitch', bytes: Uint8Array): void {
  if (kind === 'pitch') parsePitchFile(bytes)
  else parseTextGrid(bytes)
}
