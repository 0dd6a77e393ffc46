/** The ends of a multipart upload: begin, complete, drop. The parts between go through `object-requests.ts`. */
import { setTimeout as delay } from 'node:timers/promises'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3'
import { toStorageError } from './storage-errors.ts'

/** Longest time to clear away what a failed upload left; the bucket's lifecycle rule gets the rest. */
const CLEAN_UP_MS = 2_000

export interface MultipartUploads {
  /** Not stopped by any signal: an upload whose id is not known cannot be cleared away. */
  start(key: string, contentType: string): Promise<string>
  complete(
    key: string,
    made: { readonly uploadId: string; readonly etags: readonly (string | undefined)[] },
    signal: AbortSignal,
  ): Promise<void>
  /** Drops what an upload may have made: best effort within a bound, since S3 may be away. Never throws. */
  clearAway(key: string, made: { uploadId: Promise<string> | undefined; object: boolean }): Promise<void>
  /** Drops uploads begun before, on endpoints that list them; how many. */
  abortStale(olderThan: Date): Promise<number>
}

export function createMultipartUploads(s3: S3Client, bucket: string): MultipartUploads {
  const placeOf = (key: string) => ({ Bucket: bucket, Key: key })
  const abort = async (key: string, UploadId: string, abortSignal?: AbortSignal): Promise<void> => {
    const command = new AbortMultipartUploadCommand({ ...placeOf(key), UploadId })
    await s3.send(command, abortSignal === undefined ? {} : { abortSignal })
  }
  return {
    start: async (key, contentType) => {
      const command = new CreateMultipartUploadCommand({ ...placeOf(key), ContentType: contentType })
      const { UploadId } = await s3.send(command).catch(rethrow)
      if (UploadId === undefined) throw toStorageError(new Error('CreateMultipartUpload answered without an UploadId'))
      return UploadId
    },
    complete: async (key, { uploadId, etags }, abortSignal) => {
      const Parts = etags.map((ETag, index) => ({ ETag, PartNumber: index + 1 }))
      const made = { UploadId: uploadId, MultipartUpload: { Parts } }
      await s3.send(new CompleteMultipartUploadCommand({ ...placeOf(key), ...made }), { abortSignal }).catch(rethrow)
    },
    clearAway: async (key, { uploadId, object }) => {
      const abortSignal = AbortSignal.timeout(CLEAN_UP_MS)
      const dropParts = async () => uploadId && (await abort(key, await uploadId, abortSignal))
      const dropObject = async () => object && (await s3.send(new DeleteObjectCommand(placeOf(key)), { abortSignal }))
      const done = new AbortController()
      const bound = delay(CLEAN_UP_MS, undefined, { signal: done.signal }).catch(() => {})
      await Promise.race([Promise.allSettled([dropParts(), dropObject()]), bound])
      done.abort()
    },
    abortStale: async (olderThan) => {
      let dropped = 0
      for await (const { Key, UploadId, Initiated } of listUploads(s3, bucket)) {
        if (Key === undefined || UploadId === undefined || Initiated === undefined || Initiated >= olderThan) continue
        await abort(Key, UploadId).catch(unlessGone)
        dropped += 1
      }
      return dropped
    },
  }
}

async function* listUploads(s3: S3Client, bucket: string) {
  let from: Pick<ListMultipartUploadsCommandOutput, 'NextKeyMarker' | 'NextUploadIdMarker'> = {}
  for (;;) {
    const markers = { KeyMarker: from.NextKeyMarker, UploadIdMarker: from.NextUploadIdMarker }
    const page = await s3
      .send(new ListMultipartUploadsCommand({ Bucket: bucket, ...markers }))
      .catch(noneWhereUnsupported)
    yield* page?.Uploads ?? []
    if (page?.IsTruncated !== true || page.NextKeyMarker === undefined) return
    from = page
  }
}

function noneWhereUnsupported(error: unknown): undefined {
  const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } }
  const unsupported =
    [405, 501].includes($metadata?.httpStatusCode ?? 0) || /NotImplemented|NotSupported/.test(name ?? '')
  if (!unsupported) throw toStorageError(error)
}

function unlessGone(error: unknown): void {
  if ((error as Error).name !== 'NoSuchUpload') throw toStorageError(error)
}

function rethrow(error: unknown): never {
  throw toStorageError(error)
}
