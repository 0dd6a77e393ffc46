import { createHash, randomUUID } from 'node:crypto'
import { AppError } from '../../src/domain/errors.ts'
import type { DirectUploads } from '../../src/ports/direct-uploads.ts'
import type { FakeObjectStore } from './fake-object-store.ts'
import { type Outage, withOutage } from './outage.ts'

export interface FakeDirectUploads extends DirectUploads, Outage {
  /** What the store answers to a client that sends these bytes to a URL. */
  send(
    url: string,
    bytes: Uint8Array,
    headers?: Readonly<Record<string, string>>,
  ): Promise<{ status: number; etag: string }>
  /** Ids of uploads begun and not ended. */
  openUploads(): string[]
}

interface OpenUpload {
  readonly key: string
  readonly contentType: string
  readonly parts: Map<number, { etag: string; bytes: Uint8Array }>
}

const ROOT = 'http://fake-bucket.invalid/'

/** Direct uploads into objects in memory; this store can list parts. */
export function createFakeDirectUploads(objects: Pick<FakeObjectStore, 'putBytes'>): FakeDirectUploads {
  const toError = () => new AppError('storage-unavailable', 'The object store cannot be reached')
  return withOutage(createUploads(objects), ['begin', 'listParts', 'join', 'abort'], toError)
}

function createUploads(objects: Pick<FakeObjectStore, 'putBytes'>): Omit<FakeDirectUploads, 'setDown'> {
  const uploads = new Map<string, OpenUpload>()
  const find = (key: string, uploadId: string): OpenUpload => {
    const upload = uploads.get(uploadId)
    if (upload?.key === key) return upload
    throw new AppError('object-not-found', 'There is no such upload any more')
  }
  return {
    presignPut: async (key, { contentType, sizeBytes }) => toUrl(key, { contentType, sizeBytes: String(sizeBytes) }),
    presignPart: async (key, { uploadId, partNumber, sizeBytes }) =>
      toUrl(key, { uploadId, partNumber: String(partNumber), sizeBytes: String(sizeBytes) }),
    begin: async (key, contentType) => {
      const uploadId = randomUUID()
      uploads.set(uploadId, { key, contentType, parts: new Map() })
      return uploadId
    },
    listParts: async (key, uploadId) =>
      [...find(key, uploadId).parts].sort(([a], [b]) => a - b).map(([partNumber, { etag }]) => ({ partNumber, etag })),
    join: async (key, uploadId, parts) => {
      const upload = find(key, uploadId)
      const bytes = parts.map(({ partNumber, etag }) => {
        const part = upload.parts.get(partNumber)
        if (part?.etag === etag) return part.bytes
        throw new AppError('upload-incomplete', 'A part has not arrived as it is named here. Send it again.')
      })
      await objects.putBytes(key, Buffer.concat(bytes), upload.contentType)
      uploads.delete(uploadId)
    },
    abort: async (key, uploadId) => {
      if (uploads.get(uploadId)?.key === key) uploads.delete(uploadId)
    },
    send: (url, bytes, headers = {}) => receive(objects, uploads, { url: new URL(url), bytes, headers }),
    openUploads: () => [...uploads.keys()],
  }
}

async function receive(
  objects: Pick<FakeObjectStore, 'putBytes'>,
  uploads: ReadonlyMap<string, OpenUpload>,
  { url, bytes, headers }: { url: URL; bytes: Uint8Array; headers: Readonly<Record<string, string>> },
): Promise<{ status: number; etag: string }> {
  const key = decodeURIComponent(url.pathname.slice(1))
  const asked = Object.fromEntries(url.searchParams)
  const etag = `"${createHash('md5').update(bytes).digest('hex')}"`
  if (Number(asked.sizeBytes) !== bytes.length) return { status: 403, etag: '' }
  if (asked.uploadId === undefined) {
    if (headers['content-type'] !== asked.contentType) return { status: 403, etag: '' }
    await objects.putBytes(key, bytes, asked.contentType ?? '')
    return { status: 200, etag }
  }
  const upload = uploads.get(asked.uploadId)
  if (upload === undefined) return { status: 404, etag: '' }
  upload.parts.set(Number(asked.partNumber), { etag, bytes })
  return { status: 200, etag }
}

function toUrl(key: string, query: Record<string, string>): string {
  return `${ROOT}${encodeURIComponent(key)}?${new URLSearchParams(query)}`
}
