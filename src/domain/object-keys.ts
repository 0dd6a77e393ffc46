/** Where things lie in the bucket. The owner is percent-encoded, so one owner's prefix never covers another's. */
import { ANALYSIS_VERSION } from './result.ts'

/** `audio/<owner>/<yyyy>/<mm>/<dd>/<job_id><extension>`, by the day the job was made (UTC). */
export function recordingKey(owner: string, jobId: string, extension: string, madeAt: Date): string {
  const day = madeAt.toISOString().slice(0, 10).replaceAll('-', '/')
  return `${recordingPrefix(owner)}${day}/${jobId}${extension}`
}

/**
 * Where a recording lies that was checked after it had arrived. `trial` tells apart what several checks at once of one
 * job write, so that none overwrites what another has found good.
 */
export function checkedRecordingKey(
  job: { owner: string; jobId: string; createdAt: Date },
  trial: string,
  extension: string,
): string {
  return `${checkedRecordingPrefix(job)}${trial}${extension}`
}

/** All that was ever written of one job's recording by such checks. */
export function checkedRecordingPrefix({
  owner,
  jobId,
  createdAt,
}: {
  owner: string
  jobId: string
  createdAt: Date
}): string {
  return recordingKey(owner, jobId, '-', createdAt)
}

/** Where a client's own upload arrives: nothing under it is ever analysed. */
export function stagingKey(owner: string, jobId: string): string {
  return `uploads/${encodeURIComponent(owner)}/${jobId}`
}

/** Every recording of an owner starts so. */
export function recordingPrefix(owner: string): string {
  return `audio/${encodeURIComponent(owner)}/`
}

/** A large result of a job starts so; an analysis server's own results may lie nowhere else. */
export function resultPrefix(owner: string, jobId: string): string {
  return `results/${encodeURIComponent(owner)}/${jobId}/`
}

/** Reference material of an owner starts so. */
export function referencePrefix(owner: string): string {
  return `references/${encodeURIComponent(owner)}/`
}

/** `references/<owner>/<token_id>/<name>`; the name is never used twice, so nothing is overwritten. */
export function referenceKey(owner: string, tokenId: string, name: string): string {
  return `${referencePrefix(owner)}${tokenId}/${name}`
}

/**
 * The pitch track computed from a reference recording, kept under the recording's hash, for each mode and version of the
 * engine apart: a newer one does not compare its own with an older one's. `~` begins no token.
 */
export function computedPitchKey(owner: string, audioSha256: string, mode: string): string {
  return `${referencePrefix(owner)}~pitch/${audioSha256}.${ANALYSIS_VERSION}.${mode}.track`
}
