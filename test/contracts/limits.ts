import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Entered, Lease, LimitRules, Limits } from '../../src/ports/limits.ts'

/** Buckets that practically do not refill within a test: 50 requests, 1,000 bytes; two uploads. */
export const SLOW_RULES: LimitRules = {
  requests: { perS: 0.001, burstS: 50_000 },
  bytes: { perS: 0.001, burstS: 1_000_000 },
  maxUploads: 2,
}

export function leaseOf(entered: Entered): Lease {
  assert.ok('lease' in entered, JSON.stringify(entered))
  return entered.lease
}

/** What all limits promise. `open` makes fresh ones by `SLOW_RULES`. */
export function describeLimits(name: string, open: () => Limits): void {
  describe(name, () => {
    test('of a hundred requests at once a bucket of fifty lets exactly fifty pass', async () => {
      const limits = open()
      const taken = await Promise.all(Array.from({ length: 100 }, () => limits.take('acme', { requests: 1 })))
      assert.equal(taken.filter(({ allowed }) => allowed).length, 50)
      const refused = taken.find(({ allowed }) => !allowed)
      assert.deepEqual([refused?.limit, refused?.windowS, refused?.remaining], [50, 50_000, 0])
      assert.ok(refused !== undefined && refused.retryAfterS > 900 && refused.retryAfterS <= 1000)
    })

    test('one owner’s requests are not another’s', async () => {
      const limits = open()
      await limits.take('acme', { requests: 50 })
      assert.equal((await limits.take('acme', { requests: 1 })).allowed, false)
      assert.deepEqual((await limits.take('other', { requests: 1 })).remaining, 49)
    })

    test('an owner who is forgotten starts with full buckets', async () => {
      const limits = open()
      for (const owner of ['acme', 'other']) await limits.take(owner, { requests: 50, bytes: 1000 })
      await limits.forget('acme')
      assert.equal((await limits.take('acme', { requests: 50 })).allowed, true)
      assert.equal((await limits.take('other', { requests: 1 })).allowed, false)
    })

    test('what is refused takes nothing of anything', async () => {
      const limits = open()
      await limits.take('acme', { bytes: 1500 })
      assert.equal((await limits.take('acme', { requests: 30, bytes: 1 })).allowed, false)
      assert.equal((await limits.take('acme', { requests: 50 })).allowed, true)
    })

    test('bytes beyond the bucket pass once, are owed, and then nothing passes until they are paid back', async () => {
      const limits = open()
      assert.equal((await limits.take('acme', { bytes: 5000 })).allowed, true)
      const refused = await limits.take('acme', { bytes: 1 })
      assert.deepEqual([refused.allowed, refused.remaining], [false, 0])
      assert.ok(refused.retryAfterS > 4_000_000, 'the whole debt has to be paid')
      const entered = await limits.enter('acme', { requests: 0, bytes: 1 })
      assert.equal('refusedBy' in entered && entered.refusedBy, 'bytes')
    })

    test('a place is taken until it is left, once', async () => {
      const limits = open()
      const first = leaseOf(await limits.enter('acme', { requests: 0, bytes: 0 }))
      leaseOf(await limits.enter('acme', { requests: 0, bytes: 0 }))
      const refused = await limits.enter('acme', { requests: 0, bytes: 0 })
      assert.deepEqual('refusedBy' in refused && [refused.refusedBy, refused.retryAfterS], ['uploads', 2])
      leaseOf(await limits.enter('other', { requests: 0, bytes: 0 }))
      await first.leave()
      await first.leave()
      leaseOf(await limits.enter('acme', { requests: 0, bytes: 0 }))
      assert.ok('refusedBy' in (await limits.enter('acme', { requests: 0, bytes: 0 })))
    })

    test('an upload takes its request, its bytes and its place at once', async () => {
      const limits = open()
      const { taken } = await limits.enter('acme', { requests: 1, bytes: 100 })
      assert.deepEqual([taken.allowed, taken.limit, taken.windowS, taken.remaining], [true, 50, 50_000, 49])
      assert.equal((await limits.take('acme', { bytes: 0 })).remaining, 900)
      leaseOf(await limits.enter('acme', { requests: 0, bytes: 0 }))
      assert.ok('refusedBy' in (await limits.enter('acme', { requests: 0, bytes: 0 })))
    })

    test('an upload that is refused takes nothing, whatever refused it, and tells of the requests', async () => {
      const limits = open()
      await limits.take('few-requests', { requests: 50 })
      await limits.take('few-bytes', { bytes: 1000 })
      for (const _ of [1, 2]) await limits.enter('few-places', { requests: 0, bytes: 0 })
      for (const [owner, refusedBy, requests, bytes] of [
        ['few-requests', 'requests', 0, 1000],
        ['few-bytes', 'bytes', 50, 0],
        ['few-places', 'uploads', 50, 1000],
      ] as const) {
        const refused = await limits.enter(owner, { requests: 1, bytes: 100 })
        assert.ok('refusedBy' in refused && refused.retryAfterS >= 1)
        assert.equal(refused.refusedBy, refusedBy)
        assert.deepEqual([refused.taken.limit, refused.taken.remaining], [50, requests])
        assert.equal(refused.taken.allowed, refusedBy !== 'requests')
        assert.equal((await limits.take(owner, { requests: 0 })).remaining, requests)
        assert.equal((await limits.take(owner, { bytes: 0 })).remaining, bytes)
      }
      for (const _ of [1, 2]) leaseOf(await limits.enter('few-requests', { requests: 0, bytes: 0 }))
    })

    test('of a hundred uploads at once, each with its request, exactly the places are taken', async () => {
      const limits = open()
      const all = await Promise.all(Array.from({ length: 100 }, () => limits.enter('acme', { requests: 1, bytes: 1 })))
      assert.equal(all.filter((one) => 'lease' in one).length, 2)
      assert.equal((await limits.take('acme', { requests: 0 })).remaining, 48)
    })

    test('bytes known only afterwards are owed, and what never came is given back', async () => {
      const limits = open()
      await leaseOf(await limits.enter('acme', { requests: 0, bytes: 800 })).leave(-700)
      assert.equal((await limits.take('acme', { bytes: 0 })).remaining, 900)
      await leaseOf(await limits.enter('acme', { requests: 0, bytes: 0 })).leave(2000)
      assert.ok('refusedBy' in (await limits.enter('acme', { requests: 0, bytes: 0 })))
    })
  })
}
