import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { newJob } from './job-store-suite.ts'
import { jobIn, type UpkeepStores } from './upkeep-suite.ts'

export function describeDeletion(stores: () => UpkeepStores): void {
  const keyOf = (owner: string, role: 'user' | 'admin' = 'user') => {
    const keyHash = (randomUUID() + randomUUID()).replaceAll('-', '')
    return { owner, role, keyHash, name: 'test' }
  }

  test('once begun, keys are gone and nothing of the owner is made, until it is over', async () => {
    const { ownerDeletions, jobs, tokens, keys } = stores()
    const [owner, other] = [randomUUID(), randomUUID()]
    const key = keyOf(owner)
    const { keyId } = await keys.create(key)
    await keys.create(keyOf(other))
    const { jobId } = await jobIn(stores(), ['stored', 'completed'], owner)
    const kept = await jobIn(stores(), ['stored'], other)
    const begun = await ownerDeletions.begin(owner)
    assert.ok(begun !== 'last-admin')
    assert.deepEqual([begun.keyIds, begun.jobs, begun.tokens], [[keyId], 1, 0])
    const again = await ownerDeletions.begin(owner)
    assert.deepEqual(again, { ...begun, keyIds: [] })
    assert.equal(await keys.findByHash(key.keyHash), undefined)
    const refused = { code: 'owner-deleted' }
    const reference = { audioKey: null, audioSha256: null, textgridKey: 'references/x/y/z', pitchKey: null }
    await assert.rejects(jobs.create(newJob({ owner })), refused)
    await assert.rejects(tokens.put(owner, 't', reference), refused)
    await assert.rejects(keys.create(keyOf(owner)), refused)
    await assert.rejects(keys.ensure(keyOf(owner)), refused)
    assert.equal(await ownerDeletions.end(owner, 0), false, 'a job is left')
    await ownerDeletions.removeJobs(owner, [jobId, kept.jobId])
    await ownerDeletions.removeOthers(owner)
    assert.equal(await ownerDeletions.end(owner, 60), false, 'it has not settled')
    assert.equal(await ownerDeletions.end(owner, 0), true)
    assert.equal((await jobs.find(kept.jobId))?.owner, other)
    await jobs.create(newJob({ owner }))
  })

  test('a key that went with its owner is not made again by what still names it; a new one of the owner is', async () => {
    const { ownerDeletions, keys } = stores()
    const owner = randomUUID()
    const [live, revoked] = [keyOf(owner), keyOf(owner)]
    await keys.ensure(live)
    const { keyId } = await keys.create(revoked)
    await keys.revoke(keyId)
    await ownerDeletions.begin(owner)
    const isGone = async () => {
      for (const key of [live, revoked]) {
        await keys.ensure(key)
        assert.equal(await keys.findByHash(key.keyHash), undefined)
      }
      assert.deepEqual(await keys.list({ owner, after: undefined, limit: 10 }), [])
    }
    await isGone()
    assert.equal(await ownerDeletions.end(owner, 0), true)
    await isGone()
    const fresh = keyOf(owner)
    await keys.ensure(fresh)
    assert.equal((await keys.findByHash(fresh.keyHash))?.owner, owner)
  })

  test('a deletion is handed out to one at a time, and again until it has ended', async () => {
    const { ownerDeletions } = stores()
    const owner = randomUUID()
    await ownerDeletions.begin(owner)
    const handed = await Promise.all([1, 2].map(() => ownerDeletions.claim({ retryS: 0, limit: 5 })))
    assert.ok(handed.flat().some((one) => one.owner === owner))
    assert.ok((await ownerDeletions.claim({ retryS: 60, limit: 100 })).some((one) => one.owner === owner))
    assert.ok(!(await ownerDeletions.claim({ retryS: 60, limit: 100 })).some((one) => one.owner === owner))
    assert.equal(await ownerDeletions.end(owner, 0), true)
  })

  test('the owner of the last admin keys is not deleted', async () => {
    const { ownerDeletions, keys } = stores()
    const [owner, other] = [randomUUID(), randomUUID()]
    const key = keyOf(owner, 'admin')
    await keys.create(key)
    assert.equal(await ownerDeletions.begin(owner), 'last-admin')
    assert.notEqual(await keys.findByHash(key.keyHash), undefined)
    await keys.create(keyOf(other, 'admin'))
    assert.notEqual(await ownerDeletions.begin(owner), 'last-admin')
    assert.equal(await ownerDeletions.end(owner, 0), true)
  })
}
