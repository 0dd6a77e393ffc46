import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { ClaimedDelivery, DeliveryStore } from '../../src/ports/deliveries.ts'
import type { JobStore, NewJob } from '../../src/ports.ts'
import { changeTo, newJob } from './job-store-suite.ts'

export interface OpenDeliveryStore {
  readonly deliveries: DeliveryStore
  readonly jobs: JobStore
  /** Makes a delivery older: as if everything about it had happened this much earlier. */
  age(deliveryId: string, seconds: number): Promise<void>
  close(): Promise<void>
}

const URL = 'https://client.example/hook?x=1'
const RULES = { limit: 1000, perOwner: 1000, leaseS: 60 }
const DAY_S = 86_400
const RETRY = { kind: 'retry', lastStatus: 503, lastError: 'The endpoint answered 503.', inS: 30 } as const

/** What every store of deliveries promises. The tests share one store; each has owners of its own. */
export function describeDeliveryStore(
  name: string,
  open: () => Promise<OpenDeliveryStore>,
  options: { skip?: string | false } = {},
): void {
  describe(name, { skip: options.skip ?? false }, () => {
    let opened: OpenDeliveryStore
    before(async () => {
      opened = await open()
    })
    after(() => opened.close())

    const endJob = async (to: 'completed' | 'failed' | 'cancelled', fields: Partial<NewJob> = {}) => {
      const owner = fields.owner ?? randomUUID()
      const { jobId } = await opened.jobs.create(newJob({ callbackUrl: URL, ...fields, owner }))
      const [ended] = await opened.jobs.advance([changeTo(jobId, to)])
      return ended!.job!
    }
    const listOf = ({ owner, jobId }: { owner: string; jobId: string }) => opened.deliveries.list(owner, jobId)
    const claimOf = async (owner: string, rules = RULES): Promise<ClaimedDelivery[]> =>
      (await opened.deliveries.claim(rules)).filter((one) => one.owner === owner)

    test('the end of an attempt makes one row, due at once, with the job as it then was', async () => {
      for (const event of ['completed', 'failed', 'cancelled'] as const) {
        const job = await endJob(event)
        const [made, ...more] = await listOf(job)
        const { deliveryId, nextTryAt, createdAt, ...rest } = made!
        assert.deepEqual(more, [])
        assert.match(deliveryId, /^[0-9a-f-]{36}$/)
        assert.deepEqual(nextTryAt, createdAt)
        assert.deepEqual(rest, {
          owner: job.owner,
          jobId: job.jobId,
          attempt: 1,
          event,
          url: URL,
          status: 'pending',
          tries: 0,
          lastStatus: null,
          lastError: null,
          deliveredAt: null,
        })
        const [claimed] = await claimOf(job.owner)
        assert.deepEqual(claimed?.job, job)
      }
    })

    test('a repeated end, a step that is none, and a job without callback_url make no row', async () => {
      const job = await endJob('completed')
      await opened.jobs.advance([changeTo(job.jobId, 'failed'), changeTo(job.jobId, 'completed')])
      assert.equal((await listOf(job)).length, 1)
      assert.deepEqual(await listOf(await endJob('completed', { callbackUrl: null })), [])
      const running = await opened.jobs.create(newJob({ callbackUrl: URL, owner: randomUUID() }))
      await opened.jobs.advance([changeTo(running.jobId, 'stored')])
      assert.deepEqual(await listOf(running), [])
    })

    test('each attempt has a row of its own, newest first', async () => {
      const job = await endJob('failed')
      await opened.jobs.restart(job.jobId, 1)
      await opened.jobs.advance([changeTo(job.jobId, 'completed', { attempt: 2 })])
      assert.deepEqual(
        (await listOf(job)).map(({ attempt, event }) => [attempt, event]),
        [
          [2, 'completed'],
          [1, 'failed'],
        ],
      )
    })

    test('what is handed out is not handed out again before its lease has run out, and then as another', async () => {
      const job = await endJob('completed')
      const [first] = await claimOf(job.owner)
      assert.equal(first?.tries, 1)
      assert.deepEqual(await claimOf(job.owner), [])
      await opened.age(first!.deliveryId, 61)
      const [second] = await claimOf(job.owner)
      assert.deepEqual([second?.deliveryId, second?.tries], [first!.deliveryId, 2])
      assert.equal(await opened.deliveries.record(first!, { kind: 'delivered', lastStatus: 200 }), undefined)
      assert.equal(await opened.deliveries.record(second!, { kind: 'delivered', lastStatus: 200 }), 'delivered')
      const [row] = await listOf(job)
      assert.deepEqual([row?.status, row?.lastStatus, row?.nextTryAt], ['delivered', 200, null])
      assert.ok(row?.deliveredAt instanceof Date)
    })

    test('a retry waits for its time, and is given up when that lies beyond a day', async () => {
      const job = await endJob('completed')
      const [first] = await claimOf(job.owner)
      assert.equal(await opened.deliveries.record(first!, RETRY), 'pending')
      const [row] = await listOf(job)
      assert.deepEqual([row?.lastStatus, row?.lastError], [503, 'The endpoint answered 503.'])
      assert.deepEqual(await claimOf(job.owner), [])
      await opened.age(first!.deliveryId, 31)
      const [second] = await claimOf(job.owner)
      await opened.age(second!.deliveryId, DAY_S - 50)
      assert.equal(await opened.deliveries.record(second!, RETRY), 'given_up')
      await opened.age(second!.deliveryId, DAY_S)
      assert.deepEqual(await claimOf(job.owner), [])
    })

    test('a replay is due at once for another day, under the same id, and of what is under way when that has ended', async () => {
      const job = await endJob('completed')
      const [first] = await claimOf(job.owner)
      const { deliveryId } = first!
      const replayed = await opened.deliveries.replay(job.owner, job.jobId, deliveryId)
      assert.deepEqual([replayed?.status, replayed?.tries, replayed?.deliveryId], ['pending', 0, deliveryId])
      assert.deepEqual(await claimOf(job.owner), [])
      assert.equal(await opened.deliveries.record(first!, { kind: 'delivered', lastStatus: 200 }), undefined)
      const [second] = await claimOf(job.owner)
      assert.equal(second?.tries, 1)
      await opened.deliveries.record(second!, { kind: 'given_up', lastStatus: 410, lastError: 'Gone.' })
      await opened.age(deliveryId, 3 * DAY_S)
      await opened.deliveries.replay(job.owner, job.jobId, deliveryId)
      const [third] = await claimOf(job.owner)
      assert.equal(await opened.deliveries.record(third!, RETRY), 'pending')
    })

    test('a replay of what died under way is due when its lease has run out', async () => {
      const job = await endJob('completed')
      const [dead] = await claimOf(job.owner)
      await opened.deliveries.replay(job.owner, job.jobId, dead!.deliveryId)
      assert.deepEqual(await claimOf(job.owner), [])
      await opened.age(dead!.deliveryId, 61)
      const [next] = await claimOf(job.owner)
      assert.deepEqual([next?.deliveryId, next?.tries], [dead!.deliveryId, 1])
      assert.equal(await opened.deliveries.record(dead!, RETRY), undefined)
      await opened.age(dead!.deliveryId, 61)
      const replayed = await opened.deliveries.replay(job.owner, job.jobId, dead!.deliveryId)
      assert.equal(replayed?.status, 'pending')
      assert.equal((await claimOf(job.owner)).length, 1)
    })

    test('replays, however many, get no owner more than his share', async () => {
      const owner = randomUUID()
      for (let i = 0; i < 5; i += 1) await endJob('completed', { owner })
      const rules = { ...RULES, perOwner: 2 }
      const held = await claimOf(owner, rules)
      assert.equal(held.length, 2)
      for (const { jobId, deliveryId } of [...held, ...held]) await opened.deliveries.replay(owner, jobId, deliveryId)
      assert.deepEqual(await claimOf(owner, rules), [])
      assert.equal(await opened.deliveries.record(held[0]!, { kind: 'delivered', lastStatus: 200 }), undefined)
      assert.equal((await claimOf(owner, rules)).length, 1)
    })

    test('many that ask at once get no more of one owner than his share', async () => {
      const rules = { ...RULES, perOwner: 1 }
      // Time and again: whether they meet is chance.
      for (let round = 0; round < 10; round += 1) {
        const owner = randomUUID()
        await Promise.all([1, 2, 3, 4].map(() => endJob('completed', { owner })))
        const claimed = await Promise.all([1, 2, 3, 4].map(() => claimOf(owner, rules)))
        assert.equal(claimed.flat().length, 1)
      }
    })

    test('another owner, another job and what is no id find nothing to list or replay', async () => {
      const [job, other] = [await endJob('completed'), await endJob('completed')]
      const [{ deliveryId } = { deliveryId: '' }] = await listOf(job)
      for (const [owner, jobId, id] of [
        [other.owner, job.jobId, deliveryId],
        [job.owner, other.jobId, deliveryId],
        [job.owner, job.jobId, randomUUID()],
        [job.owner, job.jobId, "x'; --"],
      ] as const) {
        assert.equal(await opened.deliveries.replay(owner, jobId, id), undefined)
      }
      assert.deepEqual(await opened.deliveries.list(other.owner, job.jobId), [])
      assert.deepEqual(await opened.deliveries.list(job.owner, 'x'), [])
    })

    test('one owner holds no more than his share, and the others get theirs', async () => {
      const [busy, quiet] = [randomUUID(), randomUUID()]
      for (let i = 0; i < 5; i += 1) await endJob('completed', { owner: busy })
      const late = await endJob('completed', { owner: quiet })
      const rules = { ...RULES, perOwner: 2 }
      const claimed = await opened.deliveries.claim(rules)
      assert.equal(claimed.filter(({ owner }) => owner === busy).length, 2)
      assert.deepEqual(
        claimed.filter(({ owner }) => owner === quiet).map(({ jobId }) => jobId),
        [late.jobId],
      )
      assert.deepEqual(await claimOf(busy, rules), [])
      const [done] = claimed.filter(({ owner }) => owner === busy)
      await opened.deliveries.record(done!, { kind: 'delivered', lastStatus: 204 })
      assert.equal((await claimOf(busy, rules)).length, 1)
    })

    test('no more are handed out than asked for', async () => {
      const owner = randomUUID()
      for (let i = 0; i < 4; i += 1) await endJob('completed', { owner })
      assert.ok((await opened.deliveries.claim({ ...RULES, limit: 3 })).length <= 3)
    })

    test('the age of the oldest that is pending is known', async () => {
      const job = await endJob('completed')
      const [{ deliveryId } = { deliveryId: '' }] = await listOf(job)
      await opened.age(deliveryId, 7 * DAY_S)
      assert.ok(Math.abs((await opened.deliveries.oldestPendingAgeS())! - 7 * DAY_S) < 60)
      const [claimed] = await claimOf(job.owner)
      await opened.deliveries.record(claimed!, { kind: 'delivered', lastStatus: 200 })
      assert.ok(((await opened.deliveries.oldestPendingAgeS()) ?? 0) < 7 * DAY_S)
    })
  })
}
