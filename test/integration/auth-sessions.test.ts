import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSessionTokens } from '../../src/http/session-tokens.ts'
import { createTestLog } from '../contracts/test-log.ts'
import { AUDIENCE, startIdentityProvider } from '../support/identity-provider.ts'
import { openTestPlaces, startTestSystem, TEST_KEY } from '../support/system.ts'

const ADMIN_KEY = 'test-key-of-ops'
const BOOTSTRAP_API_KEYS = `acme=${TEST_KEY},ops=${ADMIN_KEY}:admin`
const provider = await startIdentityProvider()
const { places, env } = await openTestPlaces()
const secrets = { SESSION_SECRET: 'a secret of more than thirty-two characters' }
const jwt = { JWT_ISSUER: provider.issuer, JWT_AUDIENCE: AUDIENCE }
const system = await startTestSystem(['api'], places, { ...env, ...secrets, ...jwt, BOOTSTRAP_API_KEYS })
const origin = new URL(system.url).origin

async function call(method: string, path: string, headers: Record<string, string> = {}, body?: object) {
  const json = body && { 'content-type': 'application/json' }
  const init = { method, headers: { ...headers, ...json }, ...(body && { body: JSON.stringify(body) }) }
  const response = await fetch(`${system.url}${path}`, init)
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

async function openSession(key: string): Promise<{ cookie: string; setCookie: string; body: Record<string, string> }> {
  const { status, headers, body } = await call('POST', '/v1/session', bearer(key))
  assert.equal(status, 200)
  const [setCookie = ''] = headers.getSetCookie()
  return { cookie: setCookie.split(';')[0] ?? '', setCookie, body }
}

function makeKey(fields: object): ReturnType<typeof call> {
  return call('POST', '/v1/admin/keys', bearer(ADMIN_KEY), { owner: 'acme', name: 'test', ...fields })
}

test('a key is traded for a cookie that scripts and other sites cannot use, and that reads as the key does', async () => {
  const { cookie, setCookie, body } = await openSession(TEST_KEY)
  assert.match(
    setCookie,
    /^tonewire_session=[\w.-]+; Max-Age=43(199|200); Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/,
  )
  assert.ok(!setCookie.includes(TEST_KEY))
  assert.deepEqual([body.owner, body.role], ['acme', 'user'])
  assert.equal((await call('GET', '/v1/tokens', { cookie })).status, 200)
  assert.equal((await call('GET', '/v1/admin/keys', { cookie })).status, 403)
})

test('behind https the cookie is for https only', async () => {
  const { headers } = await call('POST', '/v1/session', { ...bearer(TEST_KEY), 'x-forwarded-proto': 'https' })
  assert.match(headers.getSetCookie()[0] ?? '', /; Secure(;|$)/)
})

test('only a key or access token opens a session: none, an unknown one and another session are 401', async () => {
  const { cookie } = await openSession(TEST_KEY)
  for (const headers of [{}, bearer('unknown-key'), { cookie }, { authorization: 'Basic YTpi' }]) {
    const { status, headers: answer } = await call('POST', '/v1/session', headers as Record<string, string>)
    assert.deepEqual([status, answer.get('www-authenticate'), answer.getSetCookie()], [401, 'Bearer', []])
  }
})

test('a session ends with its key, and not later than the key or token it was opened with', async () => {
  const soon = new Date(Date.now() + 3_600_000)
  const made = await makeKey({ expires_at: soon.toISOString() })
  const { cookie, body } = await openSession(made.body.key)
  assert.ok(Date.parse(body.expires_at ?? '') <= soon.getTime())
  assert.equal((await call('GET', '/v1/tokens', { cookie })).status, 200)
  assert.equal((await call('DELETE', `/v1/admin/keys/${made.body.key_id}`, bearer(ADMIN_KEY))).status, 204)
  const refused = await call('GET', '/v1/tokens', { cookie })
  assert.deepEqual([refused.status, refused.headers.get('www-authenticate')], [401, 'Bearer'])

  const exp = Math.floor(Date.now() / 1000) + 600
  const ofToken = await openSession(await provider.token({ exp }))
  assert.equal(Date.parse(ofToken.body.expires_at ?? ''), exp * 1000)
  assert.equal((await call('GET', '/v1/tokens', { cookie: ofToken.cookie })).status, 200)
})

test('a changed cookie, one of another secret and one that has ended are refused alike', async () => {
  const { cookie } = await openSession(TEST_KEY)
  const foreign = createSessionTokens('another secret, also of thirty-two letters', createTestLog())
  const own = createSessionTokens(secrets.SESSION_SECRET, createTestLog())
  const opener = { owner: 'acme', keyId: null, expiresAt: null }
  const [forged, ended] = [await foreign.sign(opener), await own.sign({ ...opener, expiresAt: new Date(0) })]
  const cookies = [
    `${cookie.slice(0, -6)}AAAAAA`,
    `tonewire_session=${forged.token}`,
    `tonewire_session=${ended.token}`,
  ]
  for (const bad of [...cookies, 'tonewire_session=']) {
    const { status, body } = await call('GET', '/v1/tokens', { cookie: bad })
    assert.equal(status, 401, JSON.stringify(body))
  }
})

test('by cookie nothing is changed but from a page of this origin', async () => {
  const { cookie } = await openSession(TEST_KEY)
  const remove = (headers: Record<string, string>) => call('DELETE', '/v1/tokens/none', { cookie, ...headers })
  const foreign: Record<string, string>[] = [
    {},
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: origin.replace(/\d+$/, '1') },
    { origin, 'sec-fetch-site': 'cross-site' },
    { origin, 'sec-fetch-site': 'same-site' },
  ]
  for (const headers of foreign) {
    const { status, body } = await remove(headers)
    assert.deepEqual([status, body.code], [403, 'forbidden'], JSON.stringify(headers))
  }
  for (const headers of [{ origin }, { 'sec-fetch-site': 'same-origin' }]) {
    assert.equal((await remove(headers as Record<string, string>)).body.code, 'token-not-found')
  }
  assert.equal((await call('GET', '/v1/tokens', { cookie, 'sec-fetch-site': 'cross-site' })).status, 403)
  assert.equal((await call('GET', '/v1/tokens', { cookie, 'sec-fetch-site': 'same-site' })).status, 200)
})

test('Authorization wins over the cookie, also when it is wrong', async () => {
  const { cookie } = await openSession(TEST_KEY)
  assert.equal((await call('DELETE', '/v1/tokens/none', { cookie, ...bearer(TEST_KEY) })).body.code, 'token-not-found')
  assert.equal((await call('GET', '/v1/admin/keys', { cookie, ...bearer(ADMIN_KEY) })).status, 200)
  assert.equal((await call('GET', '/v1/tokens', { cookie, ...bearer('unknown-key') })).status, 401)
})

test('leaving clears the cookie, with or without a session, but not for another site', async () => {
  const { cookie } = await openSession(TEST_KEY)
  for (const headers of [{}, { cookie, origin }]) {
    const left = await call('DELETE', '/v1/session', headers as Record<string, string>)
    assert.equal(left.status, 204)
    assert.match(left.headers.getSetCookie()[0] ?? '', /^tonewire_session=; Max-Age=0; Path=\/;/)
  }
  assert.equal((await call('DELETE', '/v1/session', { cookie, origin: 'https://evil.example' })).status, 403)
  assert.equal((await call('DELETE', '/v1/session', { cookie, ...bearer(TEST_KEY) })).status, 204, 'by its key')
})
