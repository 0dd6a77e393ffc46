/**
 * The reference material of one job, read for its analysis: what the order names, and the recording that the job was
 * made with. The pitch of a reference recording is computed by whoever needs it first, and kept under its hash.
 */
import { isKeptTrack } from '../analysis/kept-track.ts'
import { AppError, isFinal } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import type { AnalysisRequest } from '../domain/messages.ts'
import { computedPitchKey, recordingPrefix, referencePrefix } from '../domain/object-keys.ts'
import type { AnalysisOutcome, AnalysisReference, Ports } from '../ports.ts'

type ReferencePorts = Pick<Ports, 'objects'>
type ReferencedJob = Pick<Job, 'owner' | 'reference'>

export interface ReadReferenceOptions {
  /** How recordings are tracked: a track that was kept for another mode is none. */
  readonly mode: string
  /** Beginnings of `s3://` URLs in our bucket from which any owner's orders may take a TextGrid or a pitch file. */
  readonly allowedPrefixes: readonly string[]
  readonly signal: AbortSignal
}

/** More than the result of an hour, than its pitch track, and than any reference file that is taken. */
const MAX_OBJECT_BYTES = 32 * 1024 * 1024
const NOTHING: AnalysisReference = { textGrid: null, pitch: null, computedPitch: null, audio: null }

/**
 * Null when the job has nothing to be compared with. What is gone, or larger than any reference, is a `fault` in what is
 * returned: the recording is no worse for it.
 *
 * @throws AppError `message-invalid` for a place that the owner may not read, `storage-unavailable`
 */
export async function readReference(
  ports: ReferencePorts,
  request: AnalysisRequest,
  job: ReferencedJob,
  options: ReadReferenceOptions,
): Promise<AnalysisReference | null> {
  const textGridKey = keyOf(ports, job.owner, request.s3_textgrid_url, options)
  const pitchKey = keyOf(ports, job.owner, request.s3_pitch_url, options)
  try {
    return await readFiles(ports, job, { textGridKey, pitchKey }, options)
  } catch (error) {
    options.signal.throwIfAborted()
    if (!isFinal(error)) throw error
    return { ...NOTHING, fault: { code: error.code, detail: error.detail } }
  }
}

async function readFiles(
  ports: ReferencePorts,
  job: ReferencedJob,
  { textGridKey, pitchKey }: { readonly textGridKey: string | null; readonly pitchKey: string | null },
  { mode, signal }: ReadReferenceOptions,
): Promise<AnalysisReference | null> {
  const textGrid = textGridKey === null ? null : await readObject(ports, textGridKey, signal)
  const pitch = pitchKey === null ? null : await readObject(ports, pitchKey, signal)
  const { audioKey, audioSha256 } = job.reference ?? {}
  if (!audioKey || !audioSha256 || pitch !== null) {
    return textGrid === null && pitch === null ? null : { ...NOTHING, textGrid, pitch }
  }
  const computedPitch = await readComputedPitch(ports, job, mode, signal)
  const audio = computedPitch === null ? await ports.objects.get(audioKey, signal) : null
  return { textGrid, pitch, computedPitch, audio }
}

/** Written again by a repeat, with the same content; one that would not be read back is not kept. */
export async function keepComputedPitch(
  ports: ReferencePorts,
  job: ReferencedJob,
  mode: string,
  { computedPitch }: AnalysisOutcome,
): Promise<void> {
  const sha256 = job.reference?.audioSha256
  if (computedPitch === undefined || !sha256 || computedPitch.length > MAX_OBJECT_BYTES) return
  const key = computedPitchKey(job.owner, sha256, mode)
  await ports.objects.putBytes(key, Buffer.from(computedPitch), 'application/octet-stream')
}

function keyOf(
  ports: ReferencePorts,
  owner: string,
  url: string | null,
  { allowedPrefixes }: ReadReferenceOptions,
): string | null {
  if (url === null) return null
  const key = ports.objects.keyOf(url)
  const isOwn = key?.startsWith(referencePrefix(owner)) || key?.startsWith(recordingPrefix(owner))
  if (key !== undefined && (isOwn || allowedPrefixes.some((prefix) => url.startsWith(prefix)))) return key
  throw new AppError('message-invalid', 'A reference does not lie in its owner’s part of the bucket')
}

/** The kept pitch track of the job's reference recording; null when there is none yet, or none that can be read. */
export async function readComputedPitch(
  ports: ReferencePorts,
  { owner, reference }: ReferencedJob,
  mode: string,
  signal?: AbortSignal,
): Promise<Uint8Array | null> {
  if (!reference?.audioSha256) return null
  try {
    const bytes = await readObject(ports, computedPitchKey(owner, reference.audioSha256, mode), signal)
    return isKeptTrack(bytes) ? bytes : null
  } catch (error) {
    if (error instanceof AppError && ['object-not-found', 'reference-invalid'].includes(error.code)) return null
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
