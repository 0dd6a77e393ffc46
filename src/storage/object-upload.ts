/**
 * Puts a stream of unknown length into S3 with one part in memory: up to one part it is a single PutObject, above it a
 * multipart upload, one part in flight while the stream waits.
 *
 *   stream ends                       → object
 *   stream fails, or `signal` aborts  → its own error, at once
 *   S3 fails                          → `storage-unavailable`, the stream destroyed
 *
 * After a failure nothing is left: neither parts (they are billed and invisible) nor an object, should S3 have made it
 * while its answer was lost. So a key is for one upload only, never for one that is kept already.
 */
import { finished, type Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { type Part, partsOf } from './object-parts.ts'
import { toStorageError } from './storage-errors.ts'

/** The smallest part that S3 allows. */
export const PART_SIZE_BYTES = 5 * 1024 * 1024

/** Longest time to clear away what a failed upload left; the bucket's lifecycle rule gets the rest. */
const CLEAN_UP_MS = 2_000

export interface Target {
  readonly s3: S3Client
  readonly bucket: string
  readonly key: string
  readonly contentType: string
}

/** What an upload may have made so far. */
interface Traces {
  uploadId?: Promise<string>
  object?: boolean
}

export async function uploadObject(target: Target, body: Readable, signal: AbortSignal): Promise<void> {
  const broken = new AbortController()
  const stop = AbortSignal.any([signal, broken.signal])
  const unwatch = finished(body, { writable: false }, (error) => error && broken.abort(error))
  const traces: Traces = {}
  const over = new AbortController()
  try {
    // A race: neither a stream that hangs nor an S3 that hangs may hold back the failure of the other side.
    await Promise.race([rejectOnAbort(stop, over.signal), upload(target, partsOf(body, PART_SIZE_BYTES), traces, stop)])
  } catch (error) {
    const failure = stop.aborted ? stop.reason : error
    // A stream that is being torn down may still fail, which is news to nobody.
    body.on('error', () => {})
    broken.abort()
    body.destroy()
    await clearAway(target, traces)
    throw failure
  } finally {
    unwatch()
    over.abort()
  }
}

async function upload(target: Target, parts: AsyncIterable<Part>, traces: Traces, stop: AbortSignal): Promise<void> {
  const etags: (string | undefined)[] = []
  for await (const { bytes, last } of parts) {
    stop.throwIfAborted()
    if (last && etags.length === 0) return putWhole(target, bytes, traces, stop)
    traces.uploadId ??= startMultipart(target)
    const uploadId = await traces.uploadId
    etags.push(await putPart(target, { uploadId, number: etags.length + 1, bytes }, stop))
  }
  await complete(target, etags, traces, stop)
}

async function putWhole(target: Target, bytes: Buffer, traces: Traces, stop: AbortSignal): Promise<void> {
  traces.object = true
  const command = new PutObjectCommand({ ...placeOf(target), ContentType: target.contentType, Body: bytes })
  await target.s3.send(command, { abortSignal: stop }).catch(rethrow)
}

/** Not stopped by the signal: an upload whose id is not known cannot be cleared away. */
async function startMultipart(target: Target): Promise<string> {
  const command = new CreateMultipartUploadCommand({ ...placeOf(target), ContentType: target.contentType })
  const { UploadId } = await target.s3.send(command).catch(rethrow)
  if (UploadId === undefined) throw toStorageError(new Error('CreateMultipartUpload answered without an UploadId'))
  return UploadId
}

async function putPart(
  target: Target,
  part: { uploadId: string; number: number; bytes: Buffer },
  stop: AbortSignal,
): Promise<string | undefined> {
  const ref = { UploadId: part.uploadId, PartNumber: part.number }
  const command = new UploadPartCommand({ ...placeOf(target), ...ref, Body: part.bytes })
  const { ETag } = await target.s3.send(command, { abortSignal: stop }).catch(rethrow)
  return ETag
}

async function complete(
  target: Target,
  etags: readonly (string | undefined)[],
  traces: Traces,
  stop: AbortSignal,
): Promise<void> {
  const UploadId = await traces.uploadId
  const Parts = etags.map((ETag, index) => ({ ETag, PartNumber: index + 1 }))
  traces.object = true
  const command = new CompleteMultipartUploadCommand({ ...placeOf(target), UploadId, MultipartUpload: { Parts } })
  await target.s3.send(command, { abortSignal: stop }).catch(rethrow)
}

/** Best effort within a bound, since S3 may be away: parts fall to the lifecycle rule, an object stays. */
async function clearAway(target: Target, traces: Traces): Promise<void> {
  const abortSignal = AbortSignal.timeout(CLEAN_UP_MS)
  const dropParts = async () => {
    if (traces.uploadId === undefined) return
    const command = new AbortMultipartUploadCommand({ ...placeOf(target), UploadId: await traces.uploadId })
    await target.s3.send(command, { abortSignal })
  }
  const dropObject = async () => {
    if (traces.object) await target.s3.send(new DeleteObjectCommand(placeOf(target)), { abortSignal })
  }
  const done = new AbortController()
  const bound = delay(CLEAN_UP_MS, undefined, { signal: done.signal }).catch(() => {})
  await Promise.race([Promise.allSettled([dropParts(), dropObject()]), bound])
  done.abort()
}

/** The signal may live long after the upload is `over`: then nothing of it must hang on the signal. */
function rejectOnAbort(signal: AbortSignal, over: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: over })
  })
}

function placeOf({ bucket, key }: Target) {
  return { Bucket: bucket, Key: key }
}

function rethrow(error: unknown): never {
  throw toStorageError(error)
}
