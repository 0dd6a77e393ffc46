/** Objects in one bucket of S3, or of anything that speaks its protocol. */
import { finished, PassThrough, type Readable } from 'node:stream'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import type { ObjectStore } from '../ports.ts'
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
  const agent = { keepAlive: true, maxSockets: 64 }
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
  return new S3Client(config)
}

export function createObjectStore(s3: S3Client, bucket: string): ObjectStore {
  const root = `s3://${bucket}/`
  return {
    put: (key, body, { contentType, signal }) => uploadObject({ s3, bucket, key, contentType }, body, signal),
    putBytes: async (key, bytes, contentType) => {
      const command = new PutObjectCommand({ Bucket: bucket, Key: key, ContentType: contentType, Body: bytes })
      await s3.send(command).catch(rethrow)
    },
    get: (key, signal) => getObject(s3, { Bucket: bucket, Key: key }, signal),
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
