import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after } from 'node:test'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'

export const AUDIENCE = 'tonewire'

export interface IdentityProvider {
  readonly issuer: string
  /** How often each path was asked for. */
  readonly requests: Readonly<Record<string, number>>
  /** A token of this provider; what is given replaces what a good one has, null takes it away. */
  token(claims?: Record<string, unknown>, options?: { kid?: string; alg?: string }): Promise<string>
  /** New keys from now on; tokens are signed with them. */
  rotate(alg?: string): Promise<void>
  /** The public key that tokens can be checked with now. */
  publicKey(): JWK
  /** 200: as it should; another status is all that is answered. */
  answerWith(status: number): void
}

/** An identity provider over HTTP, closed with the file's tests. */
export async function startIdentityProvider({ discovery = true } = {}): Promise<IdentityProvider> {
  const requests: Record<string, number> = {}
  let status = 200
  let keys: { privateKey: CryptoKey; jwk: JWK; alg: string }
  let issuer = ''
  const documents: Record<string, () => object> = {
    '/.well-known/jwks.json': () => ({ keys: [keys.jwk] }),
    '/keys': () => ({ keys: [keys.jwk] }),
    ...(discovery && { '/.well-known/openid-configuration': () => ({ issuer, jwks_uri: `${issuer}/keys` }) }),
  }
  const server = createServer(({ url = '' }, response) => {
    requests[url] = (requests[url] ?? 0) + 1
    const document = documents[url]
    if (status !== 200 || document === undefined) return void response.writeHead(status === 200 ? 404 : status).end()
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document()))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => {
    server.close()
    server.closeAllConnections()
  })
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const rotate = async (alg = 'ES256') => {
    const { publicKey, privateKey } = await generateKeyPair(alg)
    const kid = `key-${Math.random()}`
    keys = { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }, alg }
  }
  await rotate()
  const answerWith = (answer: number) => {
    status = answer
  }
  const token: IdentityProvider['token'] = (claims, options) => sign(keys, { iss: issuer, ...claims }, options)
  return { issuer, requests, rotate, answerWith, publicKey: () => keys.jwk, token }
}

function sign(
  { privateKey, jwk, alg }: { privateKey: CryptoKey; jwk: JWK; alg: string },
  claims: Record<string, unknown>,
  options: { kid?: string; alg?: string } = {},
): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 3600
  const all = Object.entries({ aud: AUDIENCE, sub: 'learner-1', exp, ...claims }).filter(([, value]) => value !== null)
  const header = { alg, kid: jwk.kid ?? '', ...options }
  return new SignJWT(Object.fromEntries(all) as JWTPayload).setProtectedHeader(header).sign(privateKey)
}
