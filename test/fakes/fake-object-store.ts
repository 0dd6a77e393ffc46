import { Readable } from 'node:stream'
import { AppError } from '../../src/domain/errors.ts'
import type { ObjectStore } from '../../src/ports.ts'
import { type Outage, withOutage } from './outage.ts'

export interface FakeObject {
  readonly bytes: Buffer
  readonly contentType: string
}

export interface FakeObjectStore extends ObjectStore, Outage {
  /** What is kept. */
  readonly objects: ReadonlyMap<string, FakeObject>
}

/** Objects in memory, for the bucket `fake-bucket`. */
export function createFakeObjectStore(): FakeObjectStore {
  const toError = () => new AppError('storage-unavailable', 'The object store cannot be reached')
  return withOutage(createStore(), ['put', 'putBytes', 'get', 'delete', 'check'], toError)
}

function createStore(): Omit<FakeObjectStore, 'setDown'> {
  const objects = new Map<string, FakeObject>()
  const root = 's3://fake-bucket/'
  return {
    objects,
    put: async (key, body, { contentType, signal }) => {
      objects.set(key, { bytes: await readAll(body, signal), contentType })
    },
    putBytes: async (key, bytes, contentType) => {
      objects.set(key, { bytes: Buffer.from(bytes), contentType })
    },
    get: async (key, signal) => {
      signal?.throwIfAborted()
      const object = objects.get(key)
      if (object === undefined) throw new AppError('object-not-found', 'The stored object is gone')
      const out = Readable.from(object.bytes.length === 0 ? [] : [object.bytes], { objectMode: false })
      signal?.addEventListener('abort', () => out.destroy(signal.reason), { once: true })
      return out.on('error', () => {})
    },
    delete: async (key) => {
      objects.delete(key)
    },
    urlOf: (key) => root + key,
    keyOf: (url) => {
      const key = url.startsWith(root) ? url.slice(root.length) : ''
      const segments = key.replaceAll(/%2e/gi, '.').split(/\/|%2f|\\/i)
      return segments.some((segment) => ['', '.', '..'].includes(segment)) ? undefined : key
    },
    check: async () => {},
  }
}

async function readAll(body: Readable, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = []
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  const read = async () => {
    for await (const chunk of body) chunks.push(chunk)
  }
  try {
    await Promise.race([aborted, read()])
  } catch (error) {
    body.on('error', () => {})
    body.destroy()
    throw error
  }
  return Buffer.concat(chunks)
}
