/** Who is asking: every route needs a key, but for those that say `public` in their config. */
import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AppError } from '../domain/errors.ts'
import type { ApiKey, KeyStore } from '../ports.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The key of this request; only on routes that are not public. */
    apiKey: ApiKey | null
  }
  interface FastifyContextConfig {
    public?: boolean
    /** Answers with server-sent events: what will pass is not told by a status. */
    eventStream?: boolean
  }
}

/** A revoked key is refused after this long at the latest. */
const CACHE_MS = 5_000
const CACHE_SIZE = 10_000

export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}

/** The owner of an authenticated request. */
export function ownerOf(request: FastifyRequest): string {
  if (request.apiKey === null) throw new AppError('unauthorized', 'This route needs a key')
  return request.apiKey.owner
}

export function registerAuth(app: FastifyInstance, keys: KeyStore): void {
  const findKey = cached((hash) => keys.findByHash(hash))
  app.decorateRequest('apiKey', null)
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.public || request.is404) return
    const key = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    if (key === undefined) throw new AppError('unauthorized', 'Send your key as "Authorization: Bearer <key>".')
    const apiKey = await findKey(hashKey(key))
    if (apiKey === undefined) throw new AppError('unauthorized', 'The key is unknown, revoked or expired.')
    request.apiKey = apiKey
  })
}

/** Remembers found keys for a moment. An unknown key is asked for each time, so that a new one works at once. */
function cached(find: (hash: string) => Promise<ApiKey | undefined>) {
  const kept = new Map<string, { key: ApiKey; until: number }>()
  return async (hash: string): Promise<ApiKey | undefined> => {
    const hit = kept.get(hash)
    if (hit !== undefined && hit.until > performance.now()) return hit.key
    kept.delete(hash)
    const key = await find(hash)
    if (key === undefined) return undefined
    if (kept.size >= CACHE_SIZE) kept.clear()
    kept.set(hash, { key, until: performance.now() + CACHE_MS })
    return key
  }
}
