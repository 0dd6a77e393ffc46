/**
 * The reference material of one job, read for its analysis: what the order names, and the recording that the job was
 * made with. The pitch of a reference recording is computed by whoever needs it first, and kept under its hash.
 */
import { AppError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import type { AnalysisRequest } from '../domain/messages.ts'
import { computedPitchKey, recordingPrefix, referencePrefix } from '../domain/object-keys.ts'
import type { AnalysisOutcome, AnalysisReference, Ports } from '../ports.ts'

type ReferencePorts = Pick<Ports, 'objects'>

/** How the pitch of reference recordings is tracked: as that of the learners' recordings they are compared with. */
const MODE = 'robust'
/** More than the result of an hour, and than any reference file that is taken. */
const MAX_OBJECT_BYTES = 32 * 1024 * 1024

/** Null when the job has nothing to be compared with; throws `message-invalid` for a place that is not the owner's. */
export async function readReference(
  ports: ReferencePorts,
  request: AnalysisRequest,
  job: Job,
  signal: AbortSignal,
): Promise<AnalysisReference | null> {
  const textGrid = await readUrl(ports, job.owner, request.s3_textgrid_url, signal)
  const pitch = await readUrl(ports, job.owner, request.s3_pitch_url, signal)
  const { audioKey, audioSha256 } = job.reference ?? {}
  if (!audioKey || !audioSha256 || pitch !== null) {
    return textGrid === null && pitch === null ? null : { textGrid, pitch, computedPitch: null, audio: null }
  }
  const computedPitch = await readComputedPitch(ports, job, signal)
  const audio = computedPitch === null ? await ports.objects.get(audioKey, signal) : null
  return { textGrid, pitch, computedPitch, audio }
}

/** Written again by a repeat, with the same content. */
export async function keepComputedPitch(ports: ReferencePorts, job: Job, outcome: AnalysisOutcome): Promise<void> {
  const sha256 = job.reference?.audioSha256
  if (outcome.computedPitch === undefined || !sha256) return
  const key = computedPitchKey(job.owner, sha256, MODE)
  await ports.objects.putBytes(key, Buffer.from(outcome.computedPitch), 'text/csv')
}

async function readUrl(
  ports: ReferencePorts,
  owner: string,
  url: string | null,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  if (url === null) return null
  const key = ports.objects.keyOf(url)
  if (!key?.startsWith(referencePrefix(owner)) && !key?.startsWith(recordingPrefix(owner))) {
    throw new AppError('message-invalid', 'A reference does not lie in its owner’s part of the bucket')
  }
  return readObject(ports, key, signal)
}

/** The kept pitch track of the job's reference recording; null when there is none yet. */
export async function readComputedPitch(
  ports: ReferencePorts,
  { owner, reference }: Job,
  signal?: AbortSignal,
): Promise<Uint8Array | null> {
  if (!reference?.audioSha256) return null
  try {
    return await readObject(ports, computedPitchKey(owner, reference.audioSha256, MODE), signal)
  } catch (error) {
    if (error instanceof AppError && error.code === 'object-not-found') return null
    throw error
  }
}

/** An object that is small enough to be held whole; a larger one was never written by us, and is not read to its end. */
export async function readObject(ports: ReferencePorts, key: string, signal?: AbortSignal): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of (await ports.objects.get(key, signal)) as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > MAX_OBJECT_BYTES)
      throw new AppError('reference-invalid', `${key} has more than ${MAX_OBJECT_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
