/** Objects in one bucket of S3, or of anything that speaks its protocol. */
import { finished, PassThrough, type Readable } from 'node:stream'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  NotFound,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import { formatDisposition } from '../domain/content-disposition.ts'
import type { DownloadOptions, ObjectStore } from '../ports/object-store.ts'
import type { MemoryBudget } from './memory-budget.ts'
import { listObjects } from './object-list.ts'
import { createMultipartUploads } from './object-multipart.ts'
import { createObjectRequests } from './object-requests.ts'
import { createObjectSigner, type ObjectSigner } from './object-signing.ts'
import { uploadObject } from './object-upload.ts'
import { toStorageError } from './storage-errors.ts'

export interface S3Options {
  readonly region: string
  /** Any compatible endpoint, addressed in path style; without it AWS itself. */
  readonly endpoint?: string
  /** Default: the environment, a profile or a role, as AWS's own tools look for them. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

const CHECK_TIMEOUT_MS = 3_000

/** A client whose every wait has a bound. Close with `destroy()`. */
export function createS3Client({ region, endpoint, credentials }: S3Options): S3Client {
  // Uploads have connections of their own; what counts here are downloads, whose readers may be slow.
  const agent = { keepAlive: true, maxSockets: 256 }
  const config: S3ClientConfig & { expectContinueHeader: boolean } = {
    region,
    maxAttempts: 3,
    // The SDK's default CRC32 costs time and trips other servers; SHA-256 of what was stored is in the row.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Asking first opens a new connection per request; parts are small enough to be sent in vain.
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: 2_000,
      requestTimeout: 30_000,
      throwOnRequestTimeout: true,
      // Idle time: also of a download whose reader is busy elsewhere.
      socketTimeout: 60_000,
      httpAgent: agent,
      httpsAgent: agent,
    },
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(credentials === undefined ? {} : { credentials }),
  }
  return endingAtOnce(new S3Client(config))
}

/** `destroy()` cuts every request off; without this the SDK would try what it cut off again, and keep the process alive. */
function endingAtOnce(client: S3Client): S3Client {
  let destroyed = false
  client.middlewareStack.add(
    (next) => (args) => {
      if (destroyed) throw new Error('The S3 client was closed')
      return next(args)
    },
    { step: 'deserialize', name: 'refuseWhenDestroyed' },
  )
  const destroy = client.destroy.bind(client)
  client.destroy = () => {
    destroyed = true
    destroy()
  }
  return client
}

export interface ObjectStoreOptions {
  /** Of the whole process: every upload that has to be buffered takes its memory here. */
  readonly budget: MemoryBudget
  /** Where browsers reach the store, when that is not where we do. */
  readonly publicEndpoint?: string | undefined
}

export function createObjectStore(s3: S3Client, bucket: string, options: ObjectStoreOptions): ObjectStore {
  const root = `s3://${bucket}/`
  const requests = createObjectRequests(createObjectSigner(s3, bucket))
  const multipart = createMultipartUploads(s3, bucket)
  const tools = { requests, multipart, budget: options.budget }
  const publicSigner = createObjectSigner(s3, bucket, options.publicEndpoint)
  return {
    put: (key, body, putOptions) => uploadObject(tools, key, body, putOptions),
    putBytes: async (key, bytes, contentType) => {
      const command = new PutObjectCommand({ Bucket: bucket, Key: key, ContentType: contentType, Body: bytes })
      await s3.send(command).catch(rethrow)
    },
    get: (key, signal) => getObject(s3, { Bucket: bucket, Key: key }, signal),
    head: (key) => headObject(s3, { Bucket: bucket, Key: key }),
    list: (prefix, page) => listObjects(s3, bucket, prefix, page),
    presignGet: (key, download) => presignDownload(publicSigner, key, download),
    abortStaleUploads: (olderThan) => multipart.abortStale(olderThan),
    delete: async (key) => {
      await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key })).catch(rethrow)
    },
    urlOf: (key) => root + key,
    keyOf: (url) => {
      const key = url.startsWith(root) ? url.slice(root.length) : ''
      return isPlainKey(key) ? key : undefined
    },
    check: async () => {
      const abortSignal = AbortSignal.timeout(CHECK_TIMEOUT_MS)
      await s3.send(new HeadBucketCommand({ Bucket: bucket }), { abortSignal }).catch(rethrow)
    },
  }
}

async function headObject(s3: S3Client, place: { Bucket: string; Key: string }) {
  try {
    const { ContentLength = 0 } = await s3.send(new HeadObjectCommand(place))
    return { sizeBytes: ContentLength }
  } catch (error) {
    if (error instanceof NotFound) return undefined
    throw toStorageError(error)
  }
}

function presignDownload(signer: ObjectSigner, key: string, download: DownloadOptions): Promise<string> {
  const { expiresInS, filename, contentType } = download
  const query = {
    'response-content-disposition': formatDisposition(filename),
    ...(contentType === undefined ? {} : { 'response-content-type': contentType }),
  }
  return signer.presign({ method: 'GET', key, query }, expiresInS).catch(rethrow)
}

async function getObject(
  s3: S3Client,
  place: { Bucket: string; Key: string },
  signal: AbortSignal | undefined,
): Promise<Readable> {
  const { Body } = await s3
    .send(new GetObjectCommand(place), { ...(signal && { abortSignal: signal }) })
    .catch((error) => {
      throw signal?.aborted ? signal.reason : toStorageError(error)
    })
  return translated(Body as Readable, signal)
}

/** A connection lost half-way is the store's trouble as much as one never made; an abort keeps its reason. */
function translated(body: Readable, signal: AbortSignal | undefined): Readable {
  const out = body.pipe(new PassThrough())
  const stop = () => out.destroy(signal?.reason)
  signal?.addEventListener('abort', stop, { once: true })
  if (signal?.aborted) stop()
  finished(body, (error) => {
    if (error) out.destroy(signal?.aborted ? signal.reason : toStorageError(error))
  })
  out.once('close', () => {
    signal?.removeEventListener('abort', stop)
    body.destroy()
  })
  // It fails for whoever reads it; without a reader yet, Node would end the process.
  return out.on('error', () => {})
}

/** Another's URL is not trusted: no empty, `.` or `..` segment, also percent-encoded, and no control character. */
function isPlainKey(key: string): boolean {
  const segments = key.replaceAll(/%2e/gi, '.').split(/\/|%2f|\\/i)
  const plain = segments.every((segment) => segment !== '' && segment !== '.' && segment !== '..')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return plain && Buffer.byteLength(key) <= 1024 && !/[\x00-\x1f\x7f]/.test(key)
}

function rethrow(error: unknown): never {
  throw toStorageError(error)
}
