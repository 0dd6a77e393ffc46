import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JobStoreSuite } from './job-store-suite.ts'

export function describeEnded({ store, age, jobIn }: JobStoreSuite): void {
  test('rows that ended lately are found by owner, the last of each as far as asked', async () => {
    const [one, other] = [`ending-${Date.now()}`, `ended-${Date.now()}`]
    const ended = []
    for (const status of ['completed', 'failed', 'cancelled'] as const) {
      ended.push(await jobIn(status, { owner: one }))
      await age(ended.at(-1)!, 40 - 10 * ended.length)
    }
    await jobIn('analysing', { owner: one })
    const [old, last] = [await jobIn('completed', { owner: other }), await jobIn('completed', { owner: other })]
    await age(old, 1000)
    const idsOf = async (owners: string[], withinS: number, most: number) =>
      (await store().findEnded(owners, withinS, most)).map(({ jobId }) => jobId).sort()
    assert.deepEqual(await idsOf([one, other, 'nobody'], 900, 100), [...ended, last].sort())
    assert.deepEqual(await idsOf([one, other], 2000, 2), [...ended.slice(1), old, last].sort())
    assert.deepEqual(await idsOf([one], 25, 100), ended.slice(1).sort())
    assert.deepEqual(await idsOf([], 900, 100), [])
  })
}
