import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { newLetter } from './dead-letter-store.ts'
import { changeTo } from './job-store-suite.ts'
import {
  addRoutedJob,
  addVersion,
  type Fate,
  type JobOfRoute,
  type OpenRouteComparison,
} from './route-comparison-suite.ts'
import { describeFigures } from './route-figures.ts'

const ALL = { fromS: 0, toS: 10_000, lateS: 600 }

/** What every comparison of the routes promises. The tests share the tables; each has versions and owners of its own. */
export function describeRouteComparison(
  name: string,
  open: () => Promise<OpenRouteComparison>,
  options: { skip?: string | false } = {},
): void {
  describe(name, { skip: options.skip ?? false }, () => {
    let opened: OpenRouteComparison
    before(async () => {
      opened = await open()
    })
    after(() => opened.close())
    const comparison = () => opened.comparison
    const begin = (agoS = 5000) => addVersion(opened, agoS)
    const add = (job: Omit<JobOfRoute, 'owner' | 'route'> & Partial<JobOfRoute>) =>
      addRoutedJob(opened, { owner: randomUUID(), route: 'queue', ...job })

    describeFigures({ comparison, jobs: () => opened.jobs, begin, add })

    /** How many owners come to each side of the split from now on. */
    const splitOf = async (version: number, windowS: number) => {
      const base = await comparison().ownersBySide(version, windowS)
      return async () => {
        const { queue, direct } = await comparison().ownersBySide(version, windowS)
        return { queue: queue - base.queue, direct: direct - base.direct }
      }
    }

    test('an owner counts once in a window, by the first job that was made, however busy', async () => {
      const version = await begin()
      const busy = randomUUID()
      await add({ version, owner: busy, fate: 'completed', agoS: 90 })
      for (let i = 0; i < 12; i += 1) await add({ version, owner: busy, fate: 'failed', agoS: 80 - i })
      await add({ version, route: 'direct', fate: 'failed', agoS: 85 })
      await add({ version, route: 'direct', fate: 'completed', agoS: 20 })
      assert.deepEqual(await comparison().outcomes(version, ALL), {
        queue: { owners: 1, failed: 0 },
        direct: { owners: 2, failed: 1 },
        failures: ['direct', 'queue'],
        firsts: [false, true, false],
      })
    })

    test('only failures that no client causes count, and what has not ended is not there', async () => {
      const version = await begin()
      const fates: readonly Fate[] = ['client', 'cancelled', 'uploading', 'stored', 'analysing']
      for (const fate of fates) await add({ version, fate, agoS: 30 })
      const none = { owners: 0, failed: 0 }
      const nothing = { queue: none, direct: none, failures: [], firsts: [] }
      assert.deepEqual(await comparison().outcomes(version, ALL), nothing)
      assert.deepEqual(await comparison().outcomes(version + 1000, ALL), nothing)
      await add({ version, fate: 'failed', agoS: 40 })
      assert.deepEqual((await comparison().outcomes(version, ALL)).queue, { owners: 1, failed: 1 })
    })

    test('what was made after a job whose end is not known yet waits for it, so that slow ends do not come in a row', async () => {
      const version = await begin()
      await add({ version, route: 'direct', fate: 'failed', agoS: 40 })
      await add({ version, fate: 'analysing', agoS: 30 })
      for (const fate of ['completed', 'failed', 'retried'] as const) await add({ version, fate, agoS: 5, tookS: 5 })
      await add({ version, fate: 'uploading', agoS: 35 })
      const soon = await comparison().outcomes(version, ALL)
      assert.deepEqual([soon.firsts, soon.failures, soon.queue.owners], [[true], ['direct'], 0])
      const late = await comparison().outcomes(version, { ...ALL, lateS: 20 })
      assert.deepEqual(late.firsts.toSorted(), [false, true, true, true, true])
      assert.deepEqual([late.firsts.slice(0, 2), late.queue], [[true, true], { owners: 4, failed: 3 }])
    })

    test('a stored job that is unfinished for too long has failed from then on, also once it has completed', async () => {
      const version = await begin()
      const late = { ...ALL, lateS: 100 }
      const fates: readonly Fate[] = ['stored', 'analysing', 'completed', 'cancelled', 'failed']
      for (const fate of fates) await add({ version, fate, agoS: 10, tookS: 150 })
      await add({ version, fate: 'uploading', agoS: 10, tookS: 150 })
      await add({ version, fate: 'client', agoS: 10, tookS: 150 })
      assert.equal((await comparison().outcomes(version, late)).failures.length, 6)
      // They were made 160 s ago: in the window of that moment, and in no later one.
      const at = await comparison().ageS(version)
      const inWindow = async (fromS: number, toS: number) =>
        (await comparison().outcomes(version, { ...late, fromS, toS })).failures.length
      assert.equal(await inWindow(at - 170, at - 150), 6)
      assert.equal(await inWindow(at - 150, at), 0)
    })

    test('a job that was tried again has failed, whatever became of it', async () => {
      const version = await begin()
      await add({ version, fate: 'retried', agoS: 10, tookS: 40 })
      const { queue, failures } = await comparison().outcomes(version, ALL)
      assert.deepEqual([queue, failures], [{ owners: 1, failed: 1 }, ['queue']])
    })

    test('a job that was tried again after its client’s own failure is no fault of its route, at either look', async () => {
      const version = await begin()
      const owner = randomUUID()
      const jobId = await add({ version, owner, fate: 'client', agoS: 10 })
      assert.equal((await comparison().outcomes(version, ALL)).queue.owners, 0)
      await opened.jobs.restart(jobId, 1)
      await add({ version, fate: 'client-retried', agoS: 10, tookS: 40 })
      assert.equal((await comparison().outcomes(version, ALL)).queue.owners, 0)
      // What it fails with at last is not what it failed with first.
      await opened.jobs.advance([changeTo(jobId, 'failed', { attempt: 2 })])
      assert.equal((await comparison().outcomes(version, ALL)).queue.owners, 0)
    })

    test('a dead letter is a failure, resolved or not; one that came after the end of its job is none', async () => {
      const version = await begin()
      const [dead, discarded, settled, clients] = [
        await add({ version, fate: 'stored', agoS: 10 }),
        await add({ version, fate: 'completed', agoS: 10 }),
        await add({ version, fate: 'completed', agoS: 10 }),
        await add({ version, fate: 'completed', agoS: 10 }),
      ]
      const before = await comparison().deadLetterOwners(60)
      const owner = randomUUID()
      for (const jobId of [dead, discarded]) await opened.deadLetters.keep(newLetter({ jobId, owner }))
      await opened.deadLetters.keep(newLetter({ jobId: settled, owner: randomUUID(), settled: 'It had ended' }))
      await opened.deadLetters.keep(newLetter({ jobId: clients, owner: randomUUID(), code: 'codec-unsupported' }))
      await opened.deadLetters.discard({ jobId: discarded }, { by: 'ops', reason: 'noise' })
      const { queue, failures } = await comparison().outcomes(version, ALL)
      assert.deepEqual([queue, failures], [{ owners: 4, failed: 2 }, ['queue', 'queue']])
      assert.equal(await comparison().deadLetterOwners(60), before + 1)
      const [letter] = await opened.deadLetters.list({ jobId: dead }, { limit: 1 })
      const [other] = await opened.deadLetters.list({ jobId: discarded }, { limit: 1 })
      for (const { letterId } of [letter!, other!]) await opened.ageLetter(letterId, 61)
      assert.equal(await comparison().deadLetterOwners(60), before)
    })

    test('only jobs that this version’s percentage sent their way count, and none that had to wait for its time', async () => {
      const version = await begin()
      const later = await begin(100)
      await add({ version, fate: 'failed', agoS: 10, fields: { routeReason: 'allowed' } })
      await add({ version, fate: 'failed', agoS: 10, fields: { routeReason: 'forced', flagVersion: null } })
      await add({ version: later, fate: 'failed', agoS: 10 })
      await add({ version, fate: 'failed', agoS: 10, fields: { notBefore: new Date(Date.now() + 3_600_000) } })
      assert.equal((await comparison().outcomes(version, ALL)).queue.owners, 0)
      assert.equal((await comparison().outcomes(later, ALL)).queue.owners, 1)
    })

    test('windows follow one another without a gap, by when jobs were made', async () => {
      const version = await begin(1000)
      const ages = [850, 750, 650, 550]
      for (const agoS of ages) await add({ version, fate: 'failed', agoS })
      const counts = await Promise.all(
        [0, 200, 300, 400].map(async (fromS) => {
          const window = { fromS, toS: fromS === 0 ? 200 : fromS + 100, lateS: 600 }
          return (await comparison().outcomes(version, window)).failures.length
        }),
      )
      assert.deepEqual(counts, [1, 1, 1, 1])
    })

    test('the age of a version is counted by the database', async () => {
      const version = await begin(1234)
      const ageS = await comparison().ageS(version)
      assert.ok(ageS >= 1233 && ageS < 1300, `${ageS}`)
      assert.equal(await comparison().ageS(version + 1000), 0)
    })

    test('owners are counted on each side once, of jobs made lately', async () => {
      const version = await begin()
      const [lately, longer] = [await splitOf(version, 300), await splitOf(version, 3600)]
      const owner = randomUUID()
      for (let i = 0; i < 3; i += 1) await add({ version, owner, fate: 'uploading', agoS: i })
      await add({ version, route: 'direct', fate: 'completed', agoS: 5 })
      await add({ version, route: 'direct', fate: 'completed', agoS: 500 })
      assert.deepEqual(await lately(), { queue: 1, direct: 1 })
      assert.deepEqual(await longer(), { queue: 1, direct: 2 })
      assert.deepEqual(await comparison().ownersBySide(version + 1000, 3600), { queue: 0, direct: 0 })
    })

    test('one process of two that goes by something else than the flag shows in the split', async () => {
      const [stale, version] = [await begin(300), await begin(200)]
      const added = await splitOf(version, 3600)
      const reasons = ['forced', 'default', 'provider', 'no-direct-route', null] as const
      for (const routeReason of reasons) {
        await add({ version, route: 'direct', fate: 'completed', agoS: 5, fields: { routeReason, flagVersion: null } })
        await add({ version, fate: 'completed', agoS: 5 })
      }
      await add({ version: stale, route: 'direct', fate: 'completed', agoS: 5 })
      assert.deepEqual(await added(), { queue: 5, direct: 6 })
    })

    test('owners on a list, and jobs made before every process can have heard of the version, are no part of the split', async () => {
      const version = await begin(200)
      const added = await splitOf(version, 3600)
      await add({ version, fate: 'completed', agoS: 5, fields: { routeReason: 'allowed' } })
      await add({ version, route: 'direct', fate: 'completed', agoS: 5, fields: { routeReason: 'denied' } })
      await add({ version: version - 1, fate: 'completed', agoS: 198 })
      await add({ version, fate: 'completed', agoS: 185 })
      assert.deepEqual(await added(), { queue: 1, direct: 0 })
    })
  })
}
