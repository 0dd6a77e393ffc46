import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify, { type FastifyBaseLogger } from 'fastify'
import { hashKey } from '../../../src/domain/api-key.ts'
import { authExpiry, identityOf, ownerOf, registerAuth, stillValid } from '../../../src/http/auth.ts'
import { createKeyCache } from '../../../src/http/key-cache.ts'
import { sendProblem } from '../../../src/http/problems.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { createTestLog } from '../../contracts/test-log.ts'
import { createFakeKeyStore } from '../../fakes/fake-key-store.ts'

const KEY = 'tw_the-key-of-this-test'
const NEW = { owner: 'acme', role: 'user', name: 'test', keyHash: hashKey(KEY) } as const

test('a revoked or expired key is refused within five seconds, one that was revoked here at once', async () => {
  let now = 0
  const store = createFakeKeyStore({ now: () => now })
  const [here, there] = [1, 2].map(() => createKeyCache(store, createTestLog(), () => now))
  const { keyId } = await store.create(NEW)
  for (const cache of [here, there]) assert.equal((await cache?.findByHash(NEW.keyHash))?.keyId, keyId)
  await store.revoke(keyId)
  here?.forget(keyId)
  assert.equal(await here?.findByHash(NEW.keyHash), undefined)
  now = 5_000
  assert.equal(await there?.findByHash(NEW.keyHash), undefined)

  const expiring = { ...NEW, keyHash: hashKey('another'), expiresAt: new Date(6_000) }
  const { keyId: other } = await store.create(expiring)
  assert.equal((await here?.findById(other))?.keyId, other)
  now = 6_000
  assert.equal(await here?.findById(other), undefined)
})

test('a lookup that began before a revocation is not remembered after it', async () => {
  const store = createFakeKeyStore()
  const { keyId } = await store.create(NEW)
  const reading = Promise.withResolvers<void>()
  const slow = { ...store, findById: async (id: string) => store.findById(id).finally(() => reading.promise) }
  const cache = createKeyCache(slow, createTestLog())
  const found = cache.findById(keyId)
  await store.revoke(keyId)
  cache.forget(keyId)
  reading.resolve()
  await found
  assert.equal(await cache.findById(keyId), undefined)
})

test('the use of a key is noted once a minute, and when that fails it is only logged', async () => {
  let now = 0
  const store = createFakeKeyStore({ now: () => now })
  const log = createTestLog()
  const cache = createKeyCache(store, log, () => now)
  const { keyId } = await store.create(NEW)
  const lastUsedMs = async () => {
    await cache.settle()
    return (await store.list({ owner: undefined, after: undefined, limit: 1 }))[0]?.lastUsedAt?.getTime()
  }
  for (now of [0, 59_999]) cache.noteUse(keyId)
  assert.equal(await lastUsedMs(), 0)
  now = 60_000
  cache.noteUse(keyId)
  assert.equal(await lastUsedMs(), 60_000)
  store.setDown(true)
  now = 120_000
  cache.noteUse(keyId)
  await log.until('use of a key not noted')
})

/** A route behind the real hook, its log as text, and a stream-like route that looks again. */
async function startApp() {
  let text = ''
  const write = (line: string) => {
    text += line
  }
  const logger: FastifyBaseLogger = createLogger('trace', {}, { write })
  const keys = createFakeKeyStore()
  const metrics = { count: () => {}, observe: () => {} }
  const app = Fastify({ loggerInstance: logger })
  app.setErrorHandler(sendProblem)
  const auth = await registerAuth(
    app,
    { keys, metrics, log: logger },
    { sessionSecret: undefined, accessTokens: undefined },
  )
  app.get('/me', async (request) => {
    request.log.info({ req: { headers: request.headers }, headers: request.headers }, 'headers')
    const before = await stillValid(identityOf(request), request.log)
    await change()
    return {
      owner: ownerOf(request),
      expiry: authExpiry(request),
      before,
      after: await stillValid(identityOf(request), request.log),
    }
  })
  let change = async () => {}
  const me = async (headers: Record<string, string>, meanwhile = async () => {}) => {
    change = meanwhile
    return (await app.inject({ url: '/me', headers })).json() as Record<string, unknown>
  }
  return { keys, auth, me, log: () => text, close: () => app.close() }
}

test('an answer that goes on learns that its key was revoked; an outage revokes nothing', async () => {
  const { keys, auth, me, close } = await startApp()
  const expiresAt = new Date(Date.now() + 60_000)
  const { keyId } = await keys.create({ ...NEW, expiresAt })
  const headers = { authorization: `Bearer ${KEY}` }
  const away = async () => {
    auth.keys.forget(keyId)
    keys.setDown(true)
  }
  const calm = { owner: 'acme', expiry: expiresAt.toISOString(), before: true }
  assert.deepEqual(await me(headers), { ...calm, after: true })
  assert.deepEqual(await me(headers, away), { ...calm, after: true })
  keys.setDown(false)
  const revoke = async () => {
    await keys.revoke(keyId)
    auth.keys.forget(keyId)
  }
  assert.deepEqual(await me(headers, revoke), { ...calm, after: false })
  await close()
})

test('no key, session or signature gets into the log, whatever the level; that sessions end with us does', async () => {
  const { keys, auth, me, log, close } = await startApp()
  const { keyId } = await keys.create(NEW)
  const { token } = await auth.sessions.sign({ owner: 'acme', keyId, expiresAt: null })
  const secrets = { 'set-cookie': 'a=set-secret', 'x-signature': 't=1,v1=signature-secret' }
  const cookie = `tonewire_session=${token}`
  assert.equal((await me({ ...secrets, authorization: `Bearer ${KEY}`, cookie })).owner, 'acme')
  assert.equal((await me({ ...secrets, cookie })).owner, 'acme')
  await me({ authorization: 'Bearer wrong-secret', cookie: 'tonewire_session=wrong-secret' })
  await close()
  assert.ok(log().includes('"headers"') && log().includes('request refused'))
  for (const secret of [KEY, token, 'set-secret', 'signature-secret', 'wrong-secret']) {
    assert.ok(!log().includes(secret), `${secret} is in the log`)
  }
  assert.equal(log().split('sessions do not outlive a restart').length, 2)
})
