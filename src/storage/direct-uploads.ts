/** Direct uploads over S3: URLs for clients at the public endpoint, and the ends of uploads in parts. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListPartsCommand,
  type ListPartsCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3'
import { AppError } from '../domain/errors.ts'
import type { DirectUploads, UploadedPart } from '../ports/direct-uploads.ts'
import { createObjectSigner } from './object-signing.ts'
import { toStorageError } from './storage-errors.ts'

/** @param publicEndpoint where browsers reach the store, when that is not where we do */
export function createDirectUploads(s3: S3Client, bucket: string, publicEndpoint?: string): DirectUploads {
  const signer = createObjectSigner(s3, bucket, publicEndpoint)
  const placeOf = (key: string) => ({ Bucket: bucket, Key: key })
  return {
    presignPut: (key, { contentType, sizeBytes, expiresInS }) => {
      const headers = { 'content-type': contentType, 'content-length': String(sizeBytes) }
      return signer.presign({ method: 'PUT', key, headers }, expiresInS).catch(rethrow)
    },
    presignPart: (key, { uploadId, partNumber, sizeBytes, expiresInS }) => {
      const query = { partNumber: String(partNumber), uploadId }
      const headers = { 'content-length': String(sizeBytes) }
      return signer.presign({ method: 'PUT', key, query, headers }, expiresInS).catch(rethrow)
    },
    begin: async (key, contentType) => {
      const command = new CreateMultipartUploadCommand({ ...placeOf(key), ContentType: contentType })
      const { UploadId } = await s3.send(command).catch(rethrow)
      if (UploadId === undefined) throw toStorageError(new Error('CreateMultipartUpload answered without an UploadId'))
      return UploadId
    },
    listParts: (key, uploadId) => listParts(s3, { ...placeOf(key), UploadId: uploadId }),
    join: async (key, uploadId, parts) => {
      const Parts = parts.map(({ partNumber, etag }) => ({ PartNumber: partNumber, ETag: etag }))
      const upload = { UploadId: uploadId, MultipartUpload: { Parts } }
      await s3.send(new CompleteMultipartUploadCommand({ ...placeOf(key), ...upload })).catch(rethrow)
    },
    abort: async (key, uploadId) => {
      const command = new AbortMultipartUploadCommand({ ...placeOf(key), UploadId: uploadId })
      await s3.send(command).catch((error: unknown) => {
        if (nameOf(error) !== 'NoSuchUpload') throw toStorageError(error)
      })
    },
  }
}

async function listParts(
  s3: S3Client,
  upload: { Bucket: string; Key: string; UploadId: string },
): Promise<UploadedPart[] | undefined> {
  const parts: UploadedPart[] = []
  for (let after: string | undefined; ; ) {
    const page = await listPage(s3, upload, after)
    if (page === undefined) return undefined
    for (const { PartNumber = 0, ETag = '' } of page.Parts ?? []) parts.push({ partNumber: PartNumber, etag: ETag })
    if (page.IsTruncated !== true || page.NextPartNumberMarker === undefined) return parts
    after = page.NextPartNumberMarker
  }
}

async function listPage(
  s3: S3Client,
  upload: { Bucket: string; Key: string; UploadId: string },
  after: string | undefined,
): Promise<ListPartsCommandOutput | undefined> {
  try {
    const page = await s3.send(new ListPartsCommand({ ...upload, PartNumberMarker: after }))
    // An endpoint without this call may take it for a download of the object.
    return page.UploadId === undefined ? undefined : page
  } catch (error) {
    if (nameOf(error) === 'NoSuchUpload') rethrow(error)
    const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode ?? 0
    // The same: there is no object of this key while its parts come.
    if (nameOf(error) === 'NoSuchKey' || [405, 501].includes(status)) return undefined
    return rethrow(error)
  }
}

const WRONG_PARTS = new Set(['InvalidPart', 'InvalidPartOrder', 'EntityTooSmall'])

function rethrow(cause: unknown): never {
  const name = nameOf(cause)
  if (name === 'NoSuchUpload') throw new AppError('object-not-found', 'There is no such upload any more', { cause })
  if (WRONG_PARTS.has(name)) {
    throw new AppError('upload-incomplete', 'A part has not arrived as it is named here. Send it again.', { cause })
  }
  throw toStorageError(cause)
}

function nameOf(error: unknown): string {
  return (error as { name?: string }).name ?? ''
}
