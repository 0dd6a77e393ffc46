import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { createUuidV7 } from '../../src/domain/ids.ts'
import type { Route } from '../../src/domain/job.ts'
import type { RouteComparison } from '../../src/ports/cutover.ts'
import type { JobStore } from '../../src/ports.ts'
import { changeTo } from './job-store-suite.ts'
import type { Fate, JobOfRoute } from './route-comparison-suite.ts'

interface Tables {
  comparison(): RouteComparison
  jobs(): JobStore
  /** A version of the flag that began so long ago, 5,000 s unless said. */
  begin(agoS?: number): Promise<number>
  /** A job of an owner of its own on the queue, unless said. */
  add(job: Omit<JobOfRoute, 'owner' | 'route'> & Partial<JobOfRoute>): Promise<string>
}

/** What the figures of each route promise; the first tests of a suite, while nothing else is in the tables. */
export function describeFigures({ comparison, jobs, begin, add }: Tables): void {
  test('percentiles lie between the times that were seen, and a route without jobs has none', async () => {
    const version = await begin()
    const owner = randomUUID()
    for (const tookS of [100, 200, 300, 400, 500]) await add({ version, owner, fate: 'completed', agoS: 1, tookS })
    const { queue, direct } = await comparison().figures(3600)
    const { p50, p95, p99 } = queue.resultS!
    const isAbout = (value: number, wanted: number) => assert.ok(Math.abs(value - wanted) < 2, `${value}`)
    isAbout(p50, 300)
    isAbout(p95, 480)
    isAbout(p99, 496)
    assert.deepEqual([direct.accepted, direct.failed, direct.resultS, direct.oldestUnfinishedS], [0, {}, null, null])
  })

  test('the time to a result begins with the attempt, and not before the time its client asked for', async () => {
    const version = await begin()
    const base = await comparison().figures(60)
    assert.equal(base.direct.resultS, null)
    const notBefore = new Date(Date.now() - 15_000)
    await add({ version, route: 'direct', fate: 'completed', agoS: 5, tookS: 50, fields: { notBefore } })
    await add({ version, route: 'direct', fate: 'retried', agoS: 5, tookS: 20 })
    const { p50, p99 } = (await comparison().figures(60)).direct.resultS!
    assert.ok(Math.abs(p50 - 10) < 1 && Math.abs(p99 - 10) < 1, `${p50} ${p99}`)
  })

  test('the figures of a window say what was accepted, what became of it and how long it took', async () => {
    const version = await begin()
    const base = await comparison().figures(300)
    const owner = randomUUID()
    const of = async (fate: Fate, more: Partial<JobOfRoute> = {}) => add({ version, owner, fate, agoS: 20, ...more })
    for (const tookS of [10, 20, 30]) await of('completed', { route: 'direct', tookS })
    for (const fate of ['failed', 'client', 'client', 'cancelled', 'analysing', 'uploading'] as const) {
      await of(fate, { route: 'direct' })
    }
    await of('completed', { route: 'direct', agoS: 4000 })
    const { direct } = await comparison().figures(300)
    const codesOf = (code: string) => (direct.failed[code] ?? 0) - (base.direct.failed[code] ?? 0)
    assert.equal(direct.accepted - base.direct.accepted, 8)
    assert.equal(direct.completed - base.direct.completed, 3)
    assert.equal(direct.cancelled - base.direct.cancelled, 1)
    assert.equal(direct.owners - base.direct.owners, 1)
    assert.deepEqual([codesOf('analysis-failed'), codesOf('recording-undecodable')], [1, 2])
    assert.deepEqual(direct.retried, base.direct.retried)
    const { p50, p95, p99 } = direct.resultS!
    assert.ok(p50 >= 1 && p50 <= p95 && p95 <= p99 && p99 < 31, `${p50} ${p95} ${p99}`)
    assert.ok(direct.oldestUnfinishedS! >= 20, `${direct.oldestUnfinishedS}`)
  })

  test('jobs that were tried again are told by the code of their first attempt, and count as what became of them', async () => {
    const version = await begin()
    const base = (await comparison().figures(300)).direct
    await add({ version, route: 'direct', fate: 'retried', agoS: 20 })
    await add({ version, route: 'direct', fate: 'client-retried', agoS: 20 })
    const jobId = await add({ version, route: 'direct', fate: 'client', agoS: 20 })
    await jobs().restart(jobId, 1)
    await jobs().advance([changeTo(jobId, 'failed', { attempt: 2 })])
    const { retried, failed, completed } = (await comparison().figures(300)).direct
    const more = (now: Readonly<Record<string, number>>, before: Readonly<Record<string, number>>, code: string) =>
      (now[code] ?? 0) - (before[code] ?? 0)
    assert.equal(completed - base.completed, 2)
    for (const [code, again, ended] of [
      ['analysis-failed', 1, 1],
      ['recording-undecodable', 2, 0],
    ] as const) {
      assert.equal(more(retried, base.retried, code), again)
      assert.equal(more(failed, base.failed, code), ended)
    }
  })

  test('the oldest unfinished job is found beyond the window; one whose time has not come is not old', async () => {
    const version = await begin()
    const ageOf = async (route: Route) => (await comparison().figures(300))[route].oldestUnfinishedS ?? 0
    const jobId = createUuidV7(Date.now())
    await add({ version, fate: 'stored', agoS: 90_000 })
    assert.ok((await ageOf('queue')) >= 90_000)
    const notBefore = new Date(Date.now() + 3_600_000)
    await add({ version, fate: 'stored', agoS: 200_000, fields: { jobId, notBefore } })
    assert.ok((await ageOf('queue')) < 200_000)
  })
}
