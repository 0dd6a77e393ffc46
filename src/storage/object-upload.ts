/**
 * Puts a stream into S3, holding as little of it as what is known of its length allows.
 *
 *   exact, up to 8 MiB   one PUT, streamed                    bound, up to 8 MiB   one buffer, one PUT
 *   exact, above         parts of 8 MiB, streamed             bound, above         equal parts, streamed; the end from a buffer
 *   unknown              parts of 5 MiB, each from a buffer
 *
 *   stream ends                       → object
 *   stream fails, or `signal` aborts  → its own error, at once
 *   S3 fails                          → `storage-unavailable`, the stream ended
 *
 * A buffer's whole memory is taken from the process's budget before its first byte is read. After a failure nothing is
 * left: neither parts (they are billed and invisible) nor an object, should S3 have made it while its answer was lost.
 * So a key is for one upload only, never for one that is kept already.
 */
import { finished, Readable } from 'node:stream'
import type { AppError } from '../domain/errors.ts'
import type { PutOptions } from '../ports/object-store.ts'
import type { Lease, MemoryBudget } from './memory-budget.ts'
import type { MultipartUploads } from './object-multipart.ts'
import { type ByteReader, createByteReader, exactly, exactlyToEnd, fill, longerThanAnnounced } from './object-parts.ts'
import type { ObjectRequests } from './object-requests.ts'
import { type ReplayableBody, replayBuffer, replayHead } from './replayable-body.ts'

const MIB = 1024 * 1024
/** Up to here an object is one request; above it parts are at least this long. */
export const WHOLE_BYTES = 8 * MIB
/** A part of a body of unknown length: the smallest that S3 allows. */
export const UNKNOWN_PART_BYTES = 5 * MIB
/** S3 takes this many parts. */
const MAX_PARTS = 10_000
/** What may come after a file that is the last part of its form: the closing boundary and what little clients add. */
const FORM_END_BYTES = 64 * 1024
const BUFFER_STEP_BYTES = 64 * 1024
/** The streamed parts of a form's file are at most this, and more than half of it: S3 takes 5 MiB, emulators 11. */
const FORM_PART_BYTES = 10 * MIB

export interface UploadTools {
  readonly requests: ObjectRequests
  readonly multipart: MultipartUploads
  readonly budget: MemoryBudget
}

/** One upload under way, with what it has taken and may have made so far. */
interface Upload {
  readonly tools: UploadTools
  readonly key: string
  readonly contentType: string
  readonly stop: AbortSignal
  /** Ends the upload with this reason. */
  readonly fail: (reason: AppError) => void
  readonly etags: (string | undefined)[]
  uploadId?: Promise<string>
  object?: boolean
  lease?: Lease
}

export async function uploadObject(
  tools: UploadTools,
  key: string,
  body: AsyncIterable<Buffer>,
  { contentType, signal, size }: PutOptions,
): Promise<void> {
  const broken = new AbortController()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const fail = (reason: unknown): void => {
    broken.abort(reason)
    reject(reason)
  }
  const onAbort = (): void => fail(signal.reason)
  signal.addEventListener('abort', onAbort)
  const bytes = openBody(body, fail)
  const upload: Upload = { tools, key, contentType, stop: broken.signal, fail, etags: [] }
  try {
    if (signal.aborted) onAbort()
    // A race: neither a stream that hangs nor an S3 that hangs may hold back the failure of the other side.
    await Promise.race([aborted, send(upload, createByteReader(bytes.chunks), size)])
  } catch (error) {
    const failure = broken.signal.aborted ? broken.signal.reason : error
    broken.abort(failure)
    bytes.end()
    upload.lease?.release()
    await tools.multipart.clearAway(key, { uploadId: upload.uploadId, object: upload.object === true })
    throw failure
  } finally {
    // The signal may live long after the upload: then nothing of it must hang on the signal.
    signal.removeEventListener('abort', onAbort)
    bytes.unwatch()
  }
}

/** A stream tells of its failure while nobody reads it, and has to be destroyed. */
function openBody(body: AsyncIterable<Buffer>, fail: (reason: unknown) => void) {
  const chunks = body[Symbol.asyncIterator]()
  if (!(body instanceof Readable)) {
    // Not waited for: it may hang in a read, which its owner ends.
    return { chunks, unwatch: () => {}, end: () => void chunks.return?.() }
  }
  const unwatch = finished(body, { writable: false }, (error) => error && fail(error))
  const end = (): void => {
    // A stream that is being torn down may still fail, which is news to nobody.
    body.on('error', () => {})
    body.destroy()
  }
  return { chunks, unwatch, end }
}

async function send(upload: Upload, reader: ByteReader, size: PutOptions['size']): Promise<void> {
  upload.stop.throwIfAborted()
  if (size === undefined) return sendUnknown(upload, reader)
  if (size.exact) return sendExact(upload, reader, size.bytes)
  return sendBound(upload, reader, size.bytes)
}

async function sendExact(upload: Upload, reader: ByteReader, bytes: number): Promise<void> {
  const detail = `The body has fewer than the ${bytes} bytes that were announced.`
  // Who has not sent a byte yet holds no connection.
  await reader.isAtEnd()
  if (bytes <= WHOLE_BYTES) return putWhole(upload, replayHead(exactlyToEnd(reader, bytes, detail), bytes))
  const partBytes = partSizeFor(bytes)
  for (let left = bytes; left > 0; left -= partBytes) {
    const length = Math.min(left, partBytes)
    const chunks = left <= partBytes ? exactlyToEnd(reader, length, detail) : exactly(reader, length, detail)
    await putPart(upload, replayHead(chunks, length))
  }
  await complete(upload)
}

async function sendBound(upload: Upload, reader: ByteReader, bound: number): Promise<void> {
  if (bound <= WHOLE_BYTES) return putBuffered(upload, reader, bound)
  const detail = 'Send the file as the last part of the form: what comes after it must be small.'
  const sure = bound - FORM_END_BYTES
  const partBytes = Math.ceil(sure / Math.ceil(sure / FORM_PART_BYTES))
  for (let left = sure; left > 0; left -= partBytes) {
    await reader.isAtEnd()
    const length = Math.min(left, partBytes)
    await putPart(upload, replayHead(exactly(reader, length, detail), length))
  }
  await putBuffered(upload, reader, FORM_END_BYTES)
}

/** The rest of a body that has at most so many bytes. */
async function putBuffered(upload: Upload, reader: ByteReader, bound: number): Promise<void> {
  await withFilled(upload, reader, bound, async (bytes) => {
    if (!(await reader.isAtEnd())) throw longerThanAnnounced()
    if (upload.uploadId === undefined) return putWhole(upload, replayBuffer(bytes))
    if (bytes.length > 0) await putPart(upload, replayBuffer(bytes))
    await complete(upload)
  })
}

async function sendUnknown(upload: Upload, reader: ByteReader): Promise<void> {
  let ended = false
  while (!ended) {
    await withFilled(upload, reader, UNKNOWN_PART_BYTES, async (bytes, isFull) => {
      ended = !isFull
      const body = replayBuffer(bytes)
      if (ended && upload.uploadId === undefined) return putWhole(upload, body)
      if (bytes.length > 0) await putPart(upload, body)
    })
  }
  if (upload.uploadId !== undefined) await complete(upload)
}

type UseBytes = (bytes: Buffer, isFull: boolean) => Promise<void>

/**
 * Waits for memory, fills it with at most so many of the next bytes, and gives it back when `use` is done with them;
 * after a failure nobody writes to that buffer again.
 */
async function withFilled(upload: Upload, reader: ByteReader, bytes: number, use: UseBytes): Promise<void> {
  const { budget } = upload.tools
  // In steps, so that buffers fit the next upload too; never more than there is in all.
  const stepped = Math.ceil(Math.max(bytes, 1) / BUFFER_STEP_BYTES) * BUFFER_STEP_BYTES
  const lease = await budget.take(stepped, upload.stop)
  upload.lease = lease
  if (upload.stop.aborted) lease.release()
  upload.stop.throwIfAborted()
  const buffer = lease.buffer.subarray(0, bytes)
  const unwatch = lease.whileFilling(upload.fail)
  const filled = await fill(reader, buffer)
  unwatch()
  await use(buffer.subarray(0, filled), filled === buffer.length)
  lease.release({ reusable: true })
}

async function putWhole(upload: Upload, body: ReplayableBody): Promise<void> {
  const { tools, key, contentType, stop } = upload
  upload.object = true
  await tools.requests.put({ key, headers: { 'content-type': contentType }, body }, stop)
}

async function putPart(upload: Upload, body: ReplayableBody): Promise<void> {
  const { tools, key, contentType, etags, stop } = upload
  upload.uploadId ??= tools.multipart.start(key, contentType)
  const uploadId = await upload.uploadId
  stop.throwIfAborted()
  const query = { partNumber: String(etags.length + 1), uploadId }
  etags.push(await tools.requests.put({ key, query, body }, stop))
}

async function complete(upload: Upload): Promise<void> {
  const { tools, key, etags, stop } = upload
  const uploadId = await upload.uploadId
  if (uploadId === undefined) throw new Error('nothing to complete')
  upload.object = true
  await tools.multipart.complete(key, { uploadId, etags }, stop)
}

/** The parts of a body are equal, at least `WHOLE_BYTES`, and not too many. */
export function partSizeFor(bytes: number): number {
  return Math.max(WHOLE_BYTES, Math.ceil(bytes / MAX_PARTS))
}
