import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, describe, test } from 'node:test'
import type { ReferenceKeys } from '../../src/domain/reference.ts'
import type { TokenStore } from '../../src/ports.ts'

const NONE = { audioKey: null, audioSha256: null, textgridKey: null, pitchKey: null }
const SHA = 'a'.repeat(64)
const keys = (some: Partial<ReferenceKeys>): ReferenceKeys => ({ ...NONE, ...some })

/** What every store of reference material promises. */
export function describeTokenStore(
  name: string,
  open: () => Promise<TokenStore>,
  options: { skip?: string | false } = {},
): void {
  describe(name, { skip: options.skip ?? false }, () => {
    let store: TokenStore
    before(async () => {
      store = await open()
    })

    test('a token is found with what was put, by its owner only', async () => {
      const owner = randomUUID()
      const put = await store.put(owner, 'greeting-1', keys({ audioKey: 'a.wav', audioSha256: SHA }))
      assert.deepEqual(await store.find(owner, 'greeting-1'), put)
      assert.equal(put.textgridKey, null)
      assert.equal(await store.find(randomUUID(), 'greeting-1'), undefined)
      assert.equal(await store.find(owner, 'greeting-2'), undefined)
    })

    test('a kind that comes later is added, one that comes again is replaced, the others stay', async () => {
      const owner = randomUUID()
      const first = await store.put(owner, 't', keys({ audioKey: 'a', audioSha256: SHA, textgridKey: 'one' }))
      await store.put(owner, 't', keys({ pitchKey: 'p' }))
      const last = await store.put(owner, 't', keys({ textgridKey: 'two' }))
      const { createdAt, updatedAt, ...rest } = last
      const places = { audioKey: 'a', audioSha256: SHA, textgridKey: 'two', pitchKey: 'p' }
      assert.deepEqual(rest, { owner, tokenId: 't', ...places })
      assert.deepEqual(createdAt, first.createdAt)
      assert.ok(updatedAt >= first.updatedAt)
    })

    test('a new recording takes the labels and the pitch of the old one away, unless it brings its own', async () => {
      const owner = randomUUID()
      const first = { audioKey: 'a', audioSha256: SHA, textgridKey: 'a.TextGrid', pitchKey: 'a.pitch' }
      await store.put(owner, 't', first)
      const second = keys({ audioKey: 'b', audioSha256: 'b'.repeat(64), pitchKey: 'b.pitch' })
      await store.put(owner, 't', second)
      const { audioKey, audioSha256, textgridKey, pitchKey } = (await store.find(owner, 't'))!
      assert.deepEqual({ audioKey, audioSha256, textgridKey, pitchKey }, second)
    })

    test('a token without anything is refused', async () => {
      await assert.rejects(store.put(randomUUID(), 't', NONE))
    })

    test('an owner’s tokens are listed page by page, in the order of their ids', async () => {
      const owner = randomUUID()
      for (const tokenId of ['c', 'a', 'd', 'b']) await store.put(owner, tokenId, keys({ pitchKey: tokenId }))
      const first = await store.list(owner, { after: undefined, limit: 3 })
      assert.deepEqual(
        first.map(({ tokenId }) => tokenId),
        ['a', 'b', 'c'],
      )
      const rest = await store.list(owner, { after: 'c', limit: 3 })
      assert.deepEqual(
        rest.map(({ tokenId }) => tokenId),
        ['d'],
      )
      assert.deepEqual(await store.list(randomUUID(), { after: undefined, limit: 3 }), [])
    })

    test('a removed token is gone, and removing it again says so', async () => {
      const owner = randomUUID()
      await store.put(owner, 't', keys({ pitchKey: 'p' }))
      assert.equal(await store.remove(randomUUID(), 't'), false)
      assert.equal(await store.remove(owner, 't'), true)
      assert.equal(await store.remove(owner, 't'), false)
      assert.equal(await store.find(owner, 't'), undefined)
    })
  })
}
