/**
 * Reference material comes in: each part is checked as it is read, stored as an object of its own, and only then does
 * the token point at it. What a job under way points at is never overwritten.
 */
import { createHash } from 'node:crypto'
import { addAbortSignal, type Readable } from 'node:stream'
import { MAX_REFERENCE_BYTES } from '../analysis/reference-text.ts'
import { AppError } from '../domain/errors.ts'
import { createUuidV7 } from '../domain/ids.ts'
import { referenceKey } from '../domain/object-keys.ts'
import type { ReferenceKeys, ReferenceKind, TokenReference } from '../domain/reference.ts'
import type { ReferenceTextKind } from '../ports/reference-checker.ts'
import type { Ports } from '../ports.ts'
import { openRecording, type RecordingLimits } from './read-recording.ts'
import { withWhole } from './read-whole.ts'

type ReferencePorts = Pick<Ports, 'tokens' | 'objects' | 'sniff' | 'inspectHead' | 'referenceChecker' | 'memory'>
type ReferenceLimits = RecordingLimits & { readonly signal: AbortSignal }

const TEXTS = {
  textgrid: { extension: 'TextGrid', name: 'TextGrid' },
  pitch: { extension: 'pitch', name: 'pitch file' },
} as const
const SMALLER = 'Of a Pitch, save the PitchTier instead; of a TextGrid, the short text file.'

export interface ReferencePart {
  readonly kind: ReferenceKind
  readonly body: Readable
  /** The body has no more; unknown when undefined. */
  readonly maxBytes?: number | undefined
}

export interface Place {
  readonly owner: string
  readonly tokenId: string
}

/**
 * Stores the parts in the order they come, then the token. With a recording the token is replaced whole; without one a
 * kind that does not come stays as it was.
 *
 * @throws AppError `upload-no-file` without any part, `upload-empty`, `upload-not-audio`, `upload-too-large`,
 *   `recording-too-long`, `reference-invalid` with the line, `not-ready`, `storage-unavailable`, `database-unavailable`;
 *   nothing is changed then
 */
export async function storeReference(
  ports: ReferencePorts,
  place: Place,
  parts: AsyncIterable<ReferencePart>,
  limits: ReferenceLimits,
): Promise<TokenReference> {
  let keys: ReferenceKeys = { audioKey: null, audioSha256: null, textgridKey: null, pitchKey: null }
  try {
    for await (const part of parts) {
      addAbortSignal(limits.signal, part.body)
      keys = { ...keys, ...(await storePart(ports, place, part, limits)) }
    }
    if ((keys.audioKey ?? keys.textgridKey ?? keys.pitchKey) === null) {
      throw new AppError('upload-no-file', 'Send at least one of the parts audio, textgrid and pitch as a file.')
    }
    return await ports.tokens.put(place.owner, place.tokenId, keys)
  } catch (error) {
    // The recording's key is this call's own; a text's is its content's, and another token's row may hold it.
    if (keys.audioKey !== null && !isUnsure(error)) await ports.objects.delete(keys.audioKey)
    throw error
  }
}

async function storePart(
  ports: ReferencePorts,
  place: Place,
  part: ReferencePart,
  limits: ReferenceLimits,
): Promise<Partial<ReferenceKeys>> {
  const { kind } = part
  switch (kind) {
    case 'audio':
      return storeAudio(ports, place, part.body, limits)
    case 'textgrid':
      return { textgridKey: await storeText(ports, place, { ...part, kind }, limits) }
    case 'pitch':
      return { pitchKey: await storeText(ports, place, { ...part, kind }, limits) }
    default:
      throw new Error(`unhandled kind ${kind satisfies never}`)
  }
}

async function storeAudio(
  ports: ReferencePorts,
  { owner, tokenId }: Place,
  body: Readable,
  limits: ReferenceLimits,
): Promise<Pick<ReferenceKeys, 'audioKey' | 'audioSha256'>> {
  const recording = await openRecording(ports, body, limits)
  const { contentType, extension } = recording.audio
  const audioKey = referenceKey(owner, tokenId, `${createUuidV7(Date.now())}${extension}`)
  await ports.objects.put(audioKey, recording.read(), { contentType, signal: limits.signal })
  const { sha256, hasSound } = recording.totals()
  if (hasSound === false) {
    await ports.objects.delete(audioKey)
    throw new AppError('reference-invalid', 'The file has no sound track: send a recording, or a video with sound.')
  }
  return { audioKey, audioSha256: sha256 }
}

/** A text is small enough to be held, and is read whole before it is stored: a faulty one never gets that far. */
async function storeText(
  ports: ReferencePorts,
  { owner, tokenId }: Place,
  { kind, body, maxBytes = MAX_REFERENCE_BYTES }: ReferencePart & { readonly kind: ReferenceTextKind },
  { signal, pace }: ReferenceLimits,
): Promise<string> {
  const { extension, name } = TEXTS[kind]
  const tooLarge = () =>
    new AppError('reference-invalid', `A ${name} has at most ${MAX_REFERENCE_BYTES} bytes. ${SMALLER}`)
  const rules = { maxBytes: Math.min(maxBytes, MAX_REFERENCE_BYTES), tooLarge, signal, ...(pace && { pace }) }
  return withWhole(ports, body, rules, async (bytes) => {
    if (bytes.length === 0) throw new AppError('reference-invalid', `The ${name} has no bytes.`)
    await ports.referenceChecker.check(kind, bytes)
    const hash = createHash('sha256').update(bytes).digest('hex')
    const key = referenceKey(owner, tokenId, `${hash}.${extension}`)
    await ports.objects.putBytes(key, bytes, 'text/plain')
    return key
  })
}

/** With the database away nobody knows whether the row was written: then the object stays. */
function isUnsure(error: unknown): boolean {
  return error instanceof AppError && error.code === 'database-unavailable'
}
