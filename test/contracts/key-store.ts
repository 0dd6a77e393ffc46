import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { KeyStore } from '../../src/ports.ts'

export interface OpenKeyStore {
  readonly store: KeyStore
  close(): Promise<void>
}

export function newKey(fields: Partial<Parameters<KeyStore['ensure']>[0]> = {}) {
  const keyHash = createHash('sha256').update(randomUUID()).digest('hex')
  return { owner: 'acme', role: 'user' as const, keyHash, name: 'test', ...fields }
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
  })
}
