import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndsOf } from '../../src/ports.ts'
import { changeTo, type JobStoreSuite } from './job-store-suite.ts'

export function describeEnded({ store, age, jobIn }: JobStoreSuite): void {
  test('rows that ended lately are found by owner, the first of each as far as asked', async () => {
    const [one, other] = [`ending-${Date.now()}`, `ended-${Date.now()}`]
    const ended = []
    for (const status of ['completed', 'failed', 'cancelled'] as const) {
      ended.push(await jobIn(status, { owner: one }))
      await age(ended.at(-1)!, 40 - 10 * ended.length)
    }
    await jobIn('analysing', { owner: one })
    const [old, last] = [await jobIn('completed', { owner: other }), await jobIn('completed', { owner: other })]
    await age(old, 1000)
    const idsOf = async (owners: string[], withinS: number, most: number) => {
      const lists = owners.map((owner) => ({ owner }))
      return (await store().findEnded(lists, withinS, most)).map(({ jobId }) => jobId).sort()
    }
    assert.deepEqual(await idsOf([one, other, 'nobody'], 900, 100), [...ended, last].sort())
    assert.deepEqual(await idsOf([one, other], 2000, 2), [...ended.slice(0, 2), old, last].sort())
    assert.deepEqual(await idsOf([one], 25, 100), ended.slice(1).sort())
    assert.deepEqual(await idsOf([], 900, 100), [])
  })

  test('ends are read on from page to page, each once and in their order, however many ended at once', async () => {
    const [one, other] = [`paged-${Date.now()}`, `short-${Date.now()}`]
    const running = await Promise.all(Array.from({ length: 7 }, () => jobIn('analysing', { owner: one })))
    await store().advance(running.map((jobId) => changeTo(jobId, 'completed')))
    await age(running[3]!, 30)
    const only = await jobIn('failed', { owner: other })
    const read: string[] = []
    let lists: EndsOf[] = [{ owner: one }, { owner: other }]
    for (const expected of [4, 3, 1]) {
      const page = await store().findEnded(lists, 900, 3)
      assert.equal(page.length, expected)
      read.push(...page.map(({ jobId }) => jobId))
      lists = [{ owner: one, after: page.findLast(({ owner }) => owner === one)! }]
    }
    assert.deepEqual(await store().findEnded(lists, 900, 3), [])
    assert.equal(read[0], running[3])
    assert.deepEqual(read.toSorted(), [...running, only].sort())
  })
}
