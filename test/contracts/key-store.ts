import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { KeyRecord, KeyStore, NewKey } from '../../src/ports.ts'

export interface OpenKeyStore {
  readonly store: KeyStore
  close(): Promise<void>
}

export function newKey(fields: Partial<NewKey> = {}): NewKey {
  const keyHash = createHash('sha256').update(randomUUID()).digest('hex')
  return { owner: 'acme', role: 'user', keyHash, name: 'test', ...fields }
}

/** What every store of API keys promises. */
export function describeKeyStore(
  name: string,
  open: () => Promise<OpenKeyStore>,
  options: { skip?: string | false } = {},
): void {
  describe(name, { skip: options.skip ?? false }, () => {
    let opened: OpenKeyStore
    before(async () => {
      opened = await open()
    })
    after(() => opened.close())

    test('a key is found by its hash, with its owner and role', async () => {
      const key = newKey({ role: 'admin', owner: 'a@b.example' })
      await opened.store.ensure(key)
      const found = await opened.store.findByHash(key.keyHash)
      assert.deepEqual({ owner: found?.owner, role: found?.role }, { owner: 'a@b.example', role: 'admin' })
      assert.match(found?.keyId ?? '', /^[0-9a-f-]{36}$/)
      assert.deepEqual(await opened.store.findByHash(key.keyHash), found)
    })

    test('an unknown hash is not found, nor is a text that is none', async () => {
      for (const hash of [newKey().keyHash, '', 'x\0y', "' or 1=1 --"]) {
        assert.equal(await opened.store.findByHash(hash), undefined)
      }
    })

    test('making a key again keeps the first', async () => {
      const key = newKey()
      await opened.store.ensure(key)
      const first = await opened.store.findByHash(key.keyHash)
      await Promise.all([1, 2, 3].map(() => opened.store.ensure({ ...key, owner: 'other', role: 'admin' })))
      assert.deepEqual(await opened.store.findByHash(key.keyHash), first)
    })

    test('many lookups of one key at once all find it', async () => {
      const key = newKey()
      await opened.store.ensure(key)
      const found = await Promise.all(Array.from({ length: 20 }, () => opened.store.findByHash(key.keyHash)))
      assert.ok(found.every((one) => one?.owner === 'acme'))
    })

    test('a made key is found by its hash and by its id, and listed with what was said of it', async () => {
      const expiresAt = new Date(Date.now() + 3_600_000)
      const key = newKey({ owner: randomUUID(), name: 'phone', expiresAt })
      const made = await opened.store.create(key)
      const { keyId, owner, role } = made
      assert.deepEqual(made.expiresAt, expiresAt)
      assert.deepEqual([made.name, made.revokedAt, made.lastUsedAt], ['phone', null, null])
      assert.deepEqual(await opened.store.findByHash(key.keyHash), { keyId, owner, role, expiresAt })
      assert.deepEqual(await opened.store.findById(keyId), { keyId, owner, role, expiresAt })
      assert.deepEqual(await listOf(owner), [made])
      assert.equal(await opened.store.findById(randomUUID()), undefined)
      assert.equal(await opened.store.findById('no id'), undefined)
    })

    test('two keys with one hash are never made', async () => {
      const key = newKey()
      await opened.store.create(key)
      await assert.rejects(opened.store.create({ ...key, owner: 'other' }))
    })

    test('an expired key is not found, but still listed', async () => {
      const key = newKey({ owner: randomUUID(), expiresAt: new Date(Date.now() - 1_000) })
      const { keyId } = await opened.store.create(key)
      assert.equal(await opened.store.findByHash(key.keyHash), undefined)
      assert.equal(await opened.store.findById(keyId), undefined)
      assert.equal((await listOf(key.owner)).length, 1)
    })

    test('a revoked key is not found any more, a repeat changes nothing, and making it again does not revive it', async () => {
      const key = newKey({ owner: randomUUID() })
      const { keyId } = await opened.store.create(key)
      assert.equal(await opened.store.revoke(keyId), 'revoked')
      const [revoked] = await listOf(key.owner)
      assert.ok(revoked?.revokedAt instanceof Date)
      assert.equal(await opened.store.revoke(keyId), 'revoked')
      await opened.store.ensure(key)
      assert.deepEqual(await listOf(key.owner), [revoked])
      assert.equal(await opened.store.findByHash(key.keyHash), undefined)
      assert.equal(await opened.store.findById(keyId), undefined)
      for (const unknown of [randomUUID(), 'no id']) assert.equal(await opened.store.revoke(unknown), 'unknown')
    })

    test('keys are listed page by page, newest first, of one owner or of all', async () => {
      const owner = randomUUID()
      for (let i = 0; i < 5; i++) await opened.store.create(newKey({ owner, name: `key ${i}` }))
      const all = await listOf(owner)
      assert.deepEqual(
        all.map(({ createdAt }) => createdAt.getTime()).sort((a, b) => b - a),
        timesOf(all),
      )
      const first = await opened.store.list({ owner, after: undefined, limit: 2 })
      const rest = await opened.store.list({ owner, after: first.at(-1)?.keyId, limit: 10 })
      assert.deepEqual([...first, ...rest], all)
      const others = await opened.store.list({ owner: undefined, after: undefined, limit: 1000 })
      assert.ok(others.length > 5)
      assert.deepEqual(await opened.store.list({ owner, after: randomUUID(), limit: 10 }), [])
    })

    test('the first use is noted, and not again within a minute', async () => {
      const { keyId, owner } = await opened.store.create(newKey({ owner: randomUUID() }))
      await opened.store.touch(keyId)
      const [used] = await listOf(owner)
      assert.ok(used?.lastUsedAt instanceof Date)
      await opened.store.touch(keyId)
      assert.deepEqual(await listOf(owner), [used])
      await opened.store.touch(randomUUID())
    })

    test('of admin keys revoked all at once, one stays', async () => {
      for (let i = 0; i < 4; i++) await opened.store.create(newKey({ role: 'admin', owner: randomUUID() }))
      const expiresAt = new Date(Date.now() - 1_000)
      await opened.store.create(newKey({ role: 'admin', owner: randomUUID(), expiresAt }))
      const live = (await listOf(undefined)).filter(isLiveAdmin)
      const outcomes = await Promise.all(live.map(({ keyId }) => opened.store.revoke(keyId)))
      assert.equal(outcomes.filter((outcome) => outcome === 'last-admin').length, 1)
      const left = (await listOf(undefined)).filter(isLiveAdmin)
      assert.equal(left.length, 1)
      assert.equal(await opened.store.revoke(left[0]?.keyId ?? ''), 'last-admin')
    })

    function listOf(owner: string | undefined): Promise<KeyRecord[]> {
      return opened.store.list({ owner, after: undefined, limit: 1000 })
    }
  })
}

function timesOf(keys: readonly KeyRecord[]): number[] {
  return keys.map(({ createdAt }) => createdAt.getTime())
}

function isLiveAdmin({ role, revokedAt, expiresAt }: KeyRecord): boolean {
  return role === 'admin' && revokedAt === null && (expiresAt === null || expiresAt.getTime() > Date.now())
}
