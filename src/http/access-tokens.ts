/**
 * Access tokens (JWT, RFC 7519 and 9068) of the users' own identity provider. Its keys are found by OpenID Connect
 * Discovery 1.0 §4, else at `/.well-known/jwks.json`, fetched again when a token names an unknown one, and kept while
 * it is away.
 */
import { createRemoteJWKSet, customFetch, errors, type JWTPayload, jwtVerify, type RemoteJWKSet } from 'jose'
import { isOwner } from '../domain/api-key.ts'
import { AppError } from '../domain/errors.ts'

export interface AccessTokenOptions {
  readonly issuer: string
  readonly audience: string
  readonly ownerClaim: string
  /** Least time between two fetches of the key set on account of unknown keys (30 s). */
  readonly cooldownMs?: number
  /** Time in which a provider that failed is not asked again (5 s). */
  readonly restMs?: number
}

export interface AccessTokens {
  /**
   * @returns whom the token stands for, and until when
   * @throws AppError `unauthorized` with what is wrong with it; `issuer-unavailable` when that cannot be known
   */
  verify(token: string): Promise<{ owner: string; expiresAt: Date }>
}

/** Asymmetric ones only: with HS256 the public key, which everybody has, would pass for the secret. */
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA']
const LEEWAY_S = 60
const FETCH_TIMEOUT_MS = 3_000
const COOLDOWN_MS = 30_000
const CACHE_MS = 10 * 60_000
const REST_MS = 5_000

/** Three parts of base64url with dots between: no key of ours looks like that. */
export function looksLikeJwt(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(text)
}

export function createAccessTokens(options: AccessTokenOptions): AccessTokens {
  const { issuer, audience, ownerClaim } = options
  const findKeySet = createKeySetFinder(options)
  const rules = { issuer, audience, algorithms: ALGORITHMS, clockTolerance: LEEWAY_S, requiredClaims: ['exp'] }
  return {
    verify: async (token) => {
      const payload = await verifySignature(token, findKeySet, rules)
      const owner = payload[ownerClaim]
      if (typeof owner !== 'string' || !isOwner(owner)) {
        throw refusal(`Its claim ${ownerClaim} is not 1 to 64 of A-Z a-z 0-9 . _ @ | + -, the first a letter or digit.`)
      }
      return { owner, expiresAt: new Date((payload.exp ?? 0) * 1000) }
    },
  }
}

async function verifySignature(
  token: string,
  findKeySet: () => Promise<RemoteJWKSet>,
  rules: Parameters<typeof jwtVerify>[2],
): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, async (header, jws) => (await findKeySet())(header, jws), rules)
    return payload
  } catch (error) {
    if (error instanceof AppError) throw error
    if (!(error instanceof errors.JOSEError)) throw refusal('It cannot be verified.', error)
    // Of jose's error only the code goes on: the error itself carries the token's claims, which no log shall hold.
    const cause = new Error(error.code)
    if (PROVIDER_FAULTS.has(error.code)) throw unavailable(cause)
    throw refusal(toSentence(error), cause)
  }
}

const PROVIDER_FAULTS = new Set<string>(['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC'])

function toSentence(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'It has expired.'
  if (error instanceof errors.JWTClaimValidationFailed)
    return CLAIM_SENTENCES[error.claim] ?? 'One of its claims is wrong.'
  if (error instanceof errors.JOSEAlgNotAllowed) return `Its algorithm is none of ${ALGORITHMS.join(', ')}.`
  return 'Its signature does not match a key of the issuer.'
}

const CLAIM_SENTENCES: Readonly<Record<string, string>> = {
  iss: 'It is of another issuer.',
  aud: 'It is made for another audience.',
  nbf: 'It is not valid yet.',
  exp: 'It has no time of expiry.',
}

function refusal(sentence: string, cause?: unknown): AppError {
  return new AppError('unauthorized', `The access token is not accepted. ${sentence}`, { cause })
}

function unavailable(cause: unknown): AppError {
  return new AppError('issuer-unavailable', 'Access tokens cannot be checked now; API keys work.', { cause })
}

/** The provider's key set, looked up once; what fails is tried again when it is needed again. */
function createKeySetFinder(options: AccessTokenOptions): () => Promise<RemoteJWKSet> {
  const { issuer, cooldownMs = COOLDOWN_MS, restMs = REST_MS } = options
  const get = createRestingFetch(restMs)
  let found: Promise<RemoteJWKSet> | undefined
  const find = async (): Promise<RemoteJWKSet> =>
    createRemoteJWKSet(await discover(issuer, get), {
      timeoutDuration: FETCH_TIMEOUT_MS,
      cooldownDuration: cooldownMs,
      cacheMaxAge: CACHE_MS,
      [customFetch]: (url, init) => get(url, init),
    })
  return () => {
    found ??= find().catch((error) => {
      found = undefined
      throw error
    })
    return found
  }
}

type Get = (url: string, init: RequestInit, accepted?: readonly number[]) => Promise<Response>

async function discover(issuer: string, get: Get): Promise<URL> {
  const base = issuer.replace(/\/+$/, '')
  const init: RequestInit = { redirect: 'manual', signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) }
  const answer = await get(`${base}/.well-known/openid-configuration`, init, [200, 404])
  if (answer.status === 404) return new URL(`${base}/.well-known/jwks.json`)
  const document = await readDocument(answer)
  if (document?.issuer !== issuer || !URL.canParse(document.jwks_uri ?? '')) {
    throw unavailable(new Error(`The discovery document is not one of ${issuer}`))
  }
  return new URL(document.jwks_uri ?? '')
}

async function readDocument(answer: Response): Promise<{ issuer?: string; jwks_uri?: string } | null> {
  try {
    return (await answer.json()) as { issuer?: string; jwks_uri?: string } | null
  } catch (cause) {
    throw unavailable(cause)
  }
}

/** After a failure nothing is asked for a moment: a provider that is down costs each request no time, and is not pressed. */
function createRestingFetch(restMs: number): Get {
  let restUntil = 0
  return async (url, init, accepted = [200]) => {
    if (performance.now() < restUntil) throw unavailable(new Error('The provider has just failed'))
    try {
      const answer = await fetch(url, init)
      if (!accepted.includes(answer.status)) throw new Error(`${url} answered ${answer.status}`)
      return answer
    } catch (cause) {
      restUntil = performance.now() + restMs
      throw unavailable(cause)
    }
  }
}
