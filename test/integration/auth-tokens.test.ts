import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exportSPKI, type generateKeyPair, importJWK, SignJWT, UnsecuredJWT } from 'jose'
import { createAccessTokens } from '../../src/http/access-tokens.ts'
import { AUDIENCE, startIdentityProvider } from '../support/identity-provider.ts'
import { getJson, openTestPlaces, startTestSystem, TEST_KEY } from '../support/system.ts'

const provider = await startIdentityProvider()
const { places, env } = await openTestPlaces()
const jwtEnv = { JWT_ISSUER: provider.issuer, JWT_AUDIENCE: AUDIENCE }
const system = await startTestSystem(['api'], places, { ...env, ...jwtEnv })
const tokensUrl = `${system.url}/v1/tokens`
const seconds = (fromNow: number) => Math.floor(Date.now() / 1000) + fromNow

/** Of the same issuer, asked again without the pauses that keep a real one from being pressed. */
const impatient = (issuer: string) =>
  createAccessTokens({ issuer, audience: AUDIENCE, ownerClaim: 'sub', cooldownMs: 0, restMs: 0 })

test('an access token of the identity provider stands for the owner it names, and keys work beside it', async () => {
  const token = await provider.token({ sub: 'learner@school.example' })
  assert.equal((await getJson(tokensUrl, token)).status, 200)
  assert.equal((await getJson(tokensUrl, TEST_KEY)).status, 200)
  const session = await fetch(`${system.url}/v1/session`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  })
  const { owner, role } = (await session.json()) as Record<string, unknown>
  assert.deepEqual([owner, role], ['learner@school.example', 'user'])
})

test('an access token is never an admin, whatever it claims', async () => {
  const { status, body } = await getJson(`${system.url}/v1/admin/keys`, await provider.token({ role: 'admin' }))
  assert.deepEqual([status, body.code], [403, 'forbidden'])
})

test('a token that is wrong in any one thing is refused with that thing', async () => {
  const refusals: [string, RegExp][] = [
    [await provider.token({ iss: 'https://other.example' }), /another issuer/],
    [await provider.token({ aud: 'another' }), /another audience/],
    [await provider.token({ aud: null }), /another audience/],
    [await provider.token({ exp: seconds(-61) }), /expired/],
    [await provider.token({ exp: null }), /no time of expiry/],
    [await provider.token({ nbf: seconds(90) }), /not valid yet/],
    [await provider.token({ sub: 'no owner, this' }), /claim sub/],
    [await provider.token({ sub: null }), /claim sub/],
    [await provider.token({ sub: 7 }), /claim sub/],
    [await provider.token({}, { kid: 'unknown' }), /signature/],
    [`${(await provider.token()).slice(0, -6)}AAAAAA`, /signature/],
    ['no.jwt.atall', /./],
  ]
  for (const [token, sentence] of refusals) {
    const { status, headers, body } = await getJson(tokensUrl, token)
    assert.deepEqual([status, body.code, headers.get('www-authenticate')], [401, 'unauthorized', 'Bearer'])
    assert.match(String(body.detail), sentence)
  }
})

test('a minute of difference between the clocks is borne', async () => {
  assert.equal((await getJson(tokensUrl, await provider.token({ exp: seconds(-30) }))).status, 200)
  assert.equal((await getJson(tokensUrl, await provider.token({ nbf: seconds(30) }))).status, 200)
})

test('no signature, and one made with the public key as a secret, are refused', async () => {
  const claims = { iss: provider.issuer, aud: AUDIENCE, sub: 'learner-1', exp: seconds(3600) }
  const none = new UnsecuredJWT(claims).encode()
  const publicKey = await importJWK({ ...provider.publicKey(), ext: true }, 'ES256', { extractable: true })
  const pem = new TextEncoder().encode(
    await exportSPKI(publicKey as Awaited<ReturnType<typeof generateKeyPair>>['publicKey']),
  )
  const { kid = '' } = provider.publicKey()
  const confused = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid }).sign(pem)
  for (const token of [none, confused]) {
    const { status, body } = await getJson(tokensUrl, token)
    assert.equal(status, 401)
    assert.match(String(body.detail), /algorithm|signature/)
  }
})

test('after a rotation the new keys are fetched, of every algorithm that is taken', async () => {
  const tokens = impatient(provider.issuer)
  for (const alg of ['RS256', 'PS256', 'ES256', 'EdDSA']) {
    await provider.rotate(alg)
    assert.equal((await tokens.verify(await provider.token())).owner, 'learner-1')
  }
  await provider.rotate('ES384')
  await assert.rejects(async () => tokens.verify(await provider.token()), { code: 'unauthorized' })
})

test('unknown keys do not make us press the provider', async () => {
  const fetched = provider.requests['/keys'] ?? 0
  for (let i = 0; i < 10; i++) await getJson(tokensUrl, await provider.token({}, { kid: `forged-${i}` }))
  assert.equal(provider.requests['/keys'], fetched)
})

test('a provider without discovery is asked for its keys at the usual place', async () => {
  const plain = await startIdentityProvider({ discovery: false })
  assert.equal((await impatient(plain.issuer).verify(await plain.token())).owner, 'learner-1')
  assert.equal(plain.requests['/.well-known/jwks.json'], 1)
})

test('while the provider is away tokens are 503 with Retry-After, keys work on, and tokens work when it is back', async () => {
  const away = await startIdentityProvider()
  const other = await startTestSystem(['api'], (await openTestPlaces()).places, {
    ...env,
    JWT_ISSUER: away.issuer,
    JWT_AUDIENCE: AUDIENCE,
  })
  away.answerWith(500)
  const { status, headers, body } = await getJson(`${other.url}/v1/tokens`, await away.token())
  assert.deepEqual([status, body.code], [503, 'issuer-unavailable'])
  assert.ok(Number(headers.get('retry-after')) > 0)
  assert.equal((await getJson(`${other.url}/v1/tokens`, TEST_KEY)).status, 200)
  const tokens = impatient(away.issuer)
  await assert.rejects(async () => tokens.verify(await away.token()), { code: 'issuer-unavailable' })
  away.answerWith(200)
  assert.equal((await tokens.verify(await away.token())).owner, 'learner-1')
  away.answerWith(500)
  assert.equal((await tokens.verify(await away.token())).owner, 'learner-1')
})

test('a provider that has just failed is left alone for a moment', async () => {
  const failing = await startIdentityProvider()
  failing.answerWith(503)
  const tokens = createAccessTokens({ issuer: failing.issuer, audience: AUDIENCE, ownerClaim: 'sub' })
  for (let i = 0; i < 5; i++) {
    await assert.rejects(async () => tokens.verify(await failing.token()), { code: 'issuer-unavailable' })
  }
  assert.equal(failing.requests['/.well-known/openid-configuration'], 1)
})
