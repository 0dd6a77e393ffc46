/**
 * Session cookies: a signed statement of who opened the session and with which key, nothing kept on our side. Revoking
 * the key ends it, because each request looks the key up; one opened with an access token ends with that token.
 */
import { createHash, randomBytes } from 'node:crypto'
import { fastifyCookie } from '@fastify/cookie'
import { errors, jwtVerify, SignJWT } from 'jose'
import type { Log } from '../ports.ts'

export const SESSION_COOKIE = 'tonewire_session'
const LIFETIME_S = 12 * 3600
const ALGORITHM = 'HS256'
const AUDIENCE = 'tonewire-session'

export interface Session {
  readonly owner: string
  /** Null when it was opened with an access token. */
  readonly keyId: string | null
  readonly expiresAt: Date
}

export interface SessionTokens {
  /** Twelve hours, but never longer than what it was opened with. */
  sign(opener: { owner: string; keyId: string | null; expiresAt: Date | null }): Promise<Session & { token: string }>
  /** Undefined for what is not ours, was changed or has expired. */
  verify(token: string): Promise<Session | undefined>
}

export function createSessionTokens(secret: string | undefined, log: Log): SessionTokens {
  if (secret === undefined) {
    log.info({}, 'SESSION_SECRET is not set: sessions do not outlive a restart and do not reach other instances')
  }
  const key = secret === undefined ? randomBytes(32) : createHash('sha256').update(secret).digest()
  return {
    sign: async ({ owner, keyId, expiresAt }) => {
      const latest = Math.floor(Date.now() / 1000) + LIFETIME_S
      const exp = Math.min(latest, Math.floor((expiresAt?.getTime() ?? Number.POSITIVE_INFINITY) / 1000))
      const token = await new SignJWT(keyId === null ? {} : { key_id: keyId })
        .setProtectedHeader({ alg: ALGORITHM })
        .setSubject(owner)
        .setAudience(AUDIENCE)
        .setExpirationTime(exp)
        .sign(key)
      return { token, owner, keyId, expiresAt: new Date(exp * 1000) }
    },
    verify: (token) => verify(token, key),
  }
}

async function verify(token: string, key: Uint8Array): Promise<Session | undefined> {
  try {
    const rules = { algorithms: [ALGORITHM], audience: AUDIENCE, requiredClaims: ['exp', 'sub'] }
    const { payload } = await jwtVerify<{ key_id?: string }>(token, key, rules)
    const { sub: owner = '', exp = 0, key_id: keyId = null } = payload
    return { owner, keyId, expiresAt: new Date(exp * 1000) }
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined
    throw error
  }
}

/** The session's text in a `Cookie` header. This and the next need the plugin of @fastify/cookie to be registered. */
export function readSessionCookie(header: string | undefined): string | undefined {
  return header === undefined ? undefined : fastifyCookie.parse(header)[SESSION_COOKIE]
}

/** A `Set-Cookie` header. Without a session it clears the cookie. */
export function formatSessionCookie(session: { token: string; expiresAt: Date } | undefined, secure: boolean): string {
  const { token = '', expiresAt = new Date(0) } = session ?? {}
  const maxAge = Math.max(0, Math.floor((expiresAt.getTime() - Date.now()) / 1000))
  return fastifyCookie.serialize(SESSION_COOKIE, token, {
    httpOnly: true,
    sameSite: 'strict',
    path: '/',
    secure,
    expires: expiresAt,
    maxAge,
  })
}
