/**
 * Who is asking: every route needs a key, an access token or a session, but for those that say `public` in their
 * config; whatever is under `/v1/admin` needs an admin's key or session. `Authorization` wins over the cookie.
 */
import { fastifyCookie } from '@fastify/cookie'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { hashKey, type Role } from '../domain/api-key.ts'
import { AppError } from '../domain/errors.ts'
import type { ApiKey, Log, Ports } from '../ports.ts'
import { type AccessTokenOptions, createAccessTokens, looksLikeJwt } from './access-tokens.ts'
import { createKeyCache, type KeyCache } from './key-cache.ts'
import { assertSameSite } from './same-site.ts'
import { createSessionTokens, readSessionCookie, type SessionTokens } from './session-tokens.ts'

export interface Identity {
  readonly owner: string
  /** An access token's is always `user`. */
  readonly role: Role
  /** Null for an access token, and a session that was opened with one. */
  readonly keyId: string | null
  readonly expiresAt: Date | null
  /** Looks again: false when it has expired or its key was revoked. Rejects while that cannot be known. */
  readonly isLive: () => Promise<boolean>
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null on routes that are public. */
    identity: Identity | null
  }
  interface FastifyContextConfig {
    public?: boolean
    /** Whose the request is when it comes without a key; only with the routes of old clients. */
    keylessOwner?: string | undefined
    /** Answers with server-sent events: what will pass is not told by a status. */
    eventStream?: boolean
  }
}

export interface AuthOptions {
  readonly sessionSecret: string | undefined
  readonly accessTokens: AccessTokenOptions | undefined
}

export interface Auth {
  readonly keys: KeyCache
  readonly sessions: SessionTokens
  /** By the `Authorization` header alone; throws `unauthorized`. */
  authenticate(request: FastifyRequest): Promise<Identity>
}

/** The owner of an authenticated request. */
export function ownerOf(request: FastifyRequest): string {
  return identityOf(request).owner
}

export function identityOf(request: FastifyRequest): Identity {
  if (request.identity === null) throw new AppError('unauthorized', NO_CREDENTIALS)
  return request.identity
}

/** When what a request came with ends by itself: its key, access token or session. Null: never. */
export function authExpiry(request: FastifyRequest): Date | null {
  return identityOf(request).expiresAt
}

/**
 * For answers that go on: false as soon as a new request like this one would be refused, a revocation at most 5 s ago
 * excepted. True while the database is away: an outage revokes nothing.
 */
export async function stillValid(identity: Identity, log: Log): Promise<boolean> {
  try {
    return await identity.isLive()
  } catch (error) {
    if (!(error instanceof AppError && error.retry === 'later')) throw error
    log.debug({ err: error }, 'key cannot be looked up now')
    return true
  }
}

const NO_CREDENTIALS = 'Send your key as "Authorization: Bearer <key>".'

export async function registerAuth(
  app: FastifyInstance,
  { keys, metrics, log }: Pick<Ports, 'keys' | 'metrics' | 'log'>,
  options: AuthOptions,
): Promise<Auth> {
  // Without its hook: only a request without `Authorization` has its cookies read.
  await app.register(fastifyCookie, { hook: false })
  const cache = createKeyCache(keys, log)
  const sessions = createSessionTokens(options.sessionSecret, log)
  const accessTokens = options.accessTokens && createAccessTokens(options.accessTokens)
  const byText = async (text: string): Promise<Identity> => {
    if (accessTokens !== undefined && looksLikeJwt(text)) return toTokenIdentity(await accessTokens.verify(text))
    const key = await cache.findByHash(hashKey(text))
    if (key === undefined) throw new AppError('unauthorized', 'The key is unknown, revoked or expired.')
    return toKeyIdentity(cache, key, key.expiresAt)
  }
  const authenticate = async ({ headers }: FastifyRequest): Promise<Identity> => {
    const text = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
    if (text === undefined) throw new AppError('unauthorized', NO_CREDENTIALS)
    return byText(text)
  }
  app.decorateRequest('identity', null)
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.public || request.is404) return
    const cookie = request.headers.authorization === undefined ? readSessionCookie(request.headers.cookie) : undefined
    const { keylessOwner } = request.routeOptions.config
    if (keylessOwner !== undefined && request.headers.authorization === undefined && cookie === undefined) {
      metrics.count('legacy_use', { feature: 'upload-without-key' })
      request.log.info({ owner: keylessOwner, address: request.ip }, 'upload without a key let in')
      request.identity = toKeylessIdentity(keylessOwner)
      return
    }
    if (cookie !== undefined) assertSameSite(request.method, request.headers)
    const identity = cookie === undefined ? await authenticate(request) : await bySession(cache, sessions, cookie)
    request.identity = identity
    if (identity.keyId !== null) cache.noteUse(identity.keyId)
    if (isForAdmins(request) && identity.role !== 'admin') {
      throw new AppError('forbidden', 'This needs the key of an admin.')
    }
  })
  app.addHook('onClose', () => cache.settle())
  return { keys: cache, sessions, authenticate }
}

function isForAdmins({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.url?.startsWith('/v1/admin/') ?? false
}

async function bySession(cache: KeyCache, sessions: SessionTokens, cookie: string): Promise<Identity> {
  const session = await sessions.verify(cookie)
  const refusal = new AppError('unauthorized', 'The session has ended. Open a new one with POST /v1/session.')
  if (session === undefined) throw refusal
  if (session.keyId === null) return toTokenIdentity(session)
  const key = await cache.findById(session.keyId)
  if (key === undefined) throw refusal
  return toKeyIdentity(cache, key, session.expiresAt)
}

function toKeyIdentity(cache: KeyCache, { keyId, owner, role }: ApiKey, expiresAt: Date | null): Identity {
  const isLive = async () => !hasPassed(expiresAt) && (await cache.findById(keyId)) !== undefined
  return { owner, role, keyId, expiresAt, isLive }
}

function toTokenIdentity({ owner, expiresAt }: { owner: string; expiresAt: Date }): Identity {
  return { owner, role: 'user', keyId: null, expiresAt, isLive: async () => !hasPassed(expiresAt) }
}

/** Of a client of before there were keys: it may upload, and nothing else is asked with it. */
function toKeylessIdentity(owner: string): Identity {
  return { owner, role: 'user', keyId: null, expiresAt: null, isLive: async () => true }
}

function hasPassed(time: Date | null): boolean {
  return time !== null && time.getTime() <= Date.now()
}
