/** What tests need that decode real files. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { findFfmpeg } from '../../src/media/ffmpeg-tools.ts'

export { ffmpeg, SPEECH } from '../../scripts/bench/codings.ts'

/**
 * `TEST_THOROUGH=1`, as in CI: every coding at every rate, every damage of every coding. Otherwise each coding once and
 * a third of the damages, so that all tests together take minutes.
 */
export const THOROUGH = process.env.TEST_THOROUGH === '1'

/** Why tests that need ffmpeg are skipped; false where it is there. */
export const NO_FFMPEG = findFfmpeg() === undefined && 'ffmpeg (with ffprobe) is not on this machine'

/** A folder that goes after the file's tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tonewire-codecs-'))
  after(() => rmSync(folder, { recursive: true }))
  return folder
}
