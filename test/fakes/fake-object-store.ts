import { Readable } from 'node:stream'
import { formatDisposition } from '../../src/domain/content-disposition.ts'
import { AppError } from '../../src/domain/errors.ts'
import type { ObjectStore, PutOptions } from '../../src/ports/object-store.ts'
import { type Outage, withOutage } from './outage.ts'

export interface FakeObject {
  readonly bytes: Buffer
  readonly contentType: string
  readonly modifiedAt: Date
}

export interface FakeObjectStore extends ObjectStore, Outage {
  /** What is kept. */
  readonly objects: ReadonlyMap<string, FakeObject>
}

/** Objects in memory, for the bucket `fake-bucket`. */
export function createFakeObjectStore(): FakeObjectStore {
  const toError = () => new AppError('storage-unavailable', 'The object store cannot be reached')
  const asking = ['put', 'putBytes', 'get', 'head', 'list', 'delete', 'abortStaleUploads', 'check'] as const
  return withOutage(createStore(), asking, toError)
}

function createStore(): Omit<FakeObjectStore, 'setDown'> {
  const objects = new Map<string, FakeObject>()
  return {
    objects,
    put: async (key, body, options) => {
      const bytes = await readAll(body, options)
      objects.set(key, { bytes, contentType: options.contentType, modifiedAt: new Date() })
    },
    putBytes: async (key, bytes, contentType) => {
      objects.set(key, { bytes: Buffer.from(bytes), contentType, modifiedAt: new Date() })
    },
    get: async (key, signal) => {
      signal?.throwIfAborted()
      const object = objects.get(key)
      if (object === undefined) throw new AppError('object-not-found', 'The stored object is gone')
      const out = Readable.from(object.bytes.length === 0 ? [] : [object.bytes], { objectMode: false })
      signal?.addEventListener('abort', () => out.destroy(signal.reason), { once: true })
      return out.on('error', () => {})
    },
    head: async (key) => {
      const object = objects.get(key)
      return object && { sizeBytes: object.bytes.length }
    },
    list: async (prefix, { after, limit }) =>
      [...objects]
        .filter(([key]) => key.startsWith(prefix) && (after === undefined || isBefore(after, key)))
        .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        .slice(0, limit)
        .map(([key, { bytes, modifiedAt }]) => ({ key, sizeBytes: bytes.length, modifiedAt })),
    presignGet: async (key, { expiresInS, filename, contentType }) => {
      const query = new URLSearchParams({
        'X-Amz-Expires': String(expiresInS),
        'response-content-disposition': formatDisposition(filename),
        ...(contentType === undefined ? {} : { 'response-content-type': contentType }),
      })
      return `http://fake-bucket.invalid/${key.split('/').map(encodeURIComponent).join('/')}?${query}`
    },
    delete: async (key) => {
      objects.delete(key)
    },
    abortStaleUploads: async () => 0,
    ...createNames(),
    check: async () => {},
  }
}

function createNames(): Pick<ObjectStore, 'urlOf' | 'keyOf'> {
  const root = 's3://fake-bucket/'
  return {
    urlOf: (key) => root + key,
    keyOf: (url) => {
      const key = url.startsWith(root) ? url.slice(root.length) : ''
      const segments = key.replaceAll(/%2e/gi, '.').split(/\/|%2f|\\/i)
      return segments.some((segment) => ['', '.', '..'].includes(segment)) ? undefined : key
    },
  }
}

function isBefore(a: string, b: string): boolean {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0
}

async function readAll(body: AsyncIterable<Buffer>, { signal, size }: PutOptions): Promise<Buffer> {
  const chunks = body[Symbol.asyncIterator]()
  const taken: Buffer[] = []
  let length = 0
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  const read = async () => {
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      const chunk = next.value
      taken.push(chunk)
      length += chunk.length
      if (size !== undefined && length > size.bytes) throw malformed('more')
    }
    if (size !== undefined && length < leastOf(size)) throw malformed('fewer')
  }
  try {
    await Promise.race([aborted, read()])
  } catch (error) {
    if (body instanceof Readable) body.on('error', () => {}).destroy()
    else void chunks.return?.()
    throw error
  }
  return Buffer.concat(taken)
}

/** A bound is for a form: what is left after the streamed parts, and those are at least 8 MiB, may be missing. */
function leastOf({ bytes, exact }: NonNullable<PutOptions['size']>): number {
  const part = 8 * 1024 * 1024
  if (exact || bytes <= part) return exact ? bytes : 0
  return Math.floor((bytes - 64 * 1024) / part) * part
}

function malformed(what: string): AppError {
  return new AppError('upload-malformed', `The body has ${what} bytes than were announced`)
}
