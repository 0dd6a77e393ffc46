/** Where things lie in the bucket. The owner is percent-encoded, so one owner's prefix never covers another's. */

/** `audio/<owner>/<yyyy>/<mm>/<dd>/<job_id><extension>`, by the day the job was made (UTC). */
export function recordingKey(owner: string, jobId: string, extension: string, madeAt: Date): string {
  const day = madeAt.toISOString().slice(0, 10).replaceAll('-', '/')
  return `${recordingPrefix(owner)}${day}/${jobId}${extension}`
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

/** The pitch track computed from a reference recording, kept under the recording's hash, for each mode apart; `~` begins no token. */
export function computedPitchKey(owner: string, audioSha256: string, mode: string): string {
  return `${referencePrefix(owner)}~pitch/${audioSha256}.${mode}.csv`
}
