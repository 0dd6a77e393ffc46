import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import type { TimelineEntry } from '../../src/domain/timeline.ts'
import { MAX_TIMELINE_ROWS, type Timeline } from '../../src/ports/timeline.ts'
import type { OwnerDeletionStore, RetentionStore } from '../../src/ports/upkeep.ts'
import type { JobStore } from '../../src/ports.ts'
import { changeTo, newJob } from './job-store-suite.ts'

export interface TimelineStores {
  readonly timeline: Timeline
  readonly jobs: JobStore
  readonly retention: RetentionStore
  readonly ownerDeletions: OwnerDeletionStore
  /** As if the hops of this job had happened so much earlier. */
  ageHops(jobId: string, seconds: number): Promise<void>
  /** As if everything else about the job had. */
  age(jobId: string, seconds: number): Promise<void>
}

/** What every timeline keeps to. */
export function describeTimeline(name: string, open: () => TimelineStores, options: { skip?: string | false } = {}) {
  describe(name, options, () => {
    const make = async (owner = 'acme') => (await open().jobs.create(newJob({ owner }))).jobId
    const sent = (jobId: string, more: object = {}): TimelineEntry => {
      return { jobId, attempt: 1, hop: 'forward', outcome: 'sent', ...more } as TimelineEntry
    }

    test('hops are read as they were noted, oldest first, and only those of the job', async () => {
      const { timeline } = open()
      const [jobId, other] = [await make(), await make()]
      const before = Date.now()
      timeline.note({ jobId, attempt: 1, hop: 'upload', outcome: 'received' })
      timeline.note(sent(other))
      timeline.note(sent(jobId, { messageId: 'm-1', receiveCount: 3, detail: 'queue-unavailable', attempt: 2 }))
      const hops = await timeline.read(jobId)
      const rows = hops.map(({ at: _, worker, ...row }) => ({ ...row, named: /^\w+@\S+:\d+$/.test(worker) }))
      const nothing = { messageId: null, receiveCount: null, detail: null }
      assert.deepEqual(rows, [
        { attempt: 1, hop: 'upload', outcome: 'received', ...nothing, named: true },
        {
          ...{ attempt: 2, hop: 'forward', outcome: 'sent', named: true },
          ...{ messageId: 'm-1', receiveCount: 3, detail: 'queue-unavailable' },
        },
      ])
      for (const { at } of hops) assert.ok(Math.abs(+at - before) < 60_000, `${at.toISOString()}`)
      assert.equal((await timeline.read(other)).length, 1)
      assert.deepEqual(await timeline.read('no-uuid'), [])
    })

    test('what began earlier stands before, though it was noted later', async () => {
      const { timeline } = open()
      const jobId = await make()
      const beganAtMs = performance.now() - 30
      timeline.note({ jobId, attempt: 1, hop: 'analyse', outcome: 'received' })
      timeline.note(sent(jobId, { beganAtMs }))
      const hops = await timeline.read(jobId)
      assert.deepEqual(
        hops.map(({ hop }) => hop),
        ['forward', 'analyse'],
      )
      const [first, second] = hops
      assert.ok(Math.abs(+second!.at - +first!.at - 30) < 25)
    })

    test('an odd entry costs no other: texts are cut to fit, what is of no job leaves no row', async () => {
      const { timeline } = open()
      const jobId = await make()
      timeline.note(sent(randomUUID()))
      timeline.note(sent('no uuid'))
      timeline.note(sent(jobId, { attempt: 2 ** 40 }))
      timeline.note(sent(jobId, { detail: `a\0b${'ü'.repeat(300)}`, receiveCount: Number.NaN }))
      timeline.note(sent(jobId))
      const hops = await timeline.read(jobId)
      assert.equal(hops.length, 2)
      assert.equal(hops[0]?.detail, `a\ufffdb${'ü'.repeat(97)}`)
      assert.equal(hops[0]?.receiveCount, null)
    })

    test('of very many hops the newest are read, more than a batch at once', async () => {
      const { timeline } = open()
      const jobId = await make()
      for (let receiveCount = 1; receiveCount <= MAX_TIMELINE_ROWS + 20; receiveCount += 1) {
        timeline.note(sent(jobId, { receiveCount }))
      }
      const hops = await timeline.read(jobId)
      assert.equal(hops.length, MAX_TIMELINE_ROWS)
      assert.deepEqual([hops[0]?.receiveCount, hops.at(-1)?.receiveCount], [21, MAX_TIMELINE_ROWS + 20])
    })

    test('pruning takes what is older, so many at a time, and nothing else', async () => {
      const { timeline, ageHops } = open()
      const jobId = await make()
      for (let count = 0; count < 3; count += 1) timeline.note(sent(jobId))
      await timeline.read(jobId)
      await ageHops(jobId, 2000)
      timeline.note(sent(jobId, { detail: 'young' }))
      await timeline.read(jobId)
      const rules = { ageS: 1900, limit: 2 }
      assert.deepEqual(
        [await timeline.prune(rules), await timeline.prune(rules), await timeline.prune(rules)],
        [2, 1, 0],
      )
      assert.deepEqual(
        (await timeline.read(jobId)).map(({ detail }) => detail),
        ['young'],
      )
    })

    test('hops go with a purged job, and with the jobs of a deleted owner', async () => {
      const { timeline, jobs, retention, ownerDeletions, age } = open()
      const owner = randomUUID()
      const [purged, deleted, kept] = [await make(), await make(owner), await make()]
      for (const jobId of [purged, deleted, kept]) timeline.note(sent(jobId))
      for (const jobId of [purged, deleted, kept]) assert.equal((await timeline.read(jobId)).length, 1)
      await jobs.advance([changeTo(purged, 'cancelled')])
      await age(purged, 10_000)
      await retention.claim({ ageS: 9_000, leaseS: 60, limit: 100 })
      assert.equal(await retention.finish([purged, kept]), 1)
      await ownerDeletions.removeJobs(owner, [deleted, kept])
      const left = await Promise.all([purged, deleted, kept].map((jobId) => timeline.read(jobId)))
      assert.deepEqual(
        left.map(({ length }) => length),
        [0, 0, 1],
      )
      timeline.note(sent(deleted))
      assert.deepEqual(await timeline.read(deleted), [])
    })
  })
}
