import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JobStatus } from '../../src/domain/job.ts'
import type { StalledRules } from '../../src/ports.ts'
import { changeTo, type JobStoreSuite, newJob } from './job-store-suite.ts'

export function describeClaims({ store, age, jobIn }: JobStoreSuite): void {
  const rules = { waitingS: 60, inFlightS: 600, limit: 1000 }
  const isClaimed = async (jobId: string, given: StalledRules = rules) =>
    (await store().claimStalled(given)).some((job) => job.jobId === jobId)

  test('a waiting row is handed out after the waiting time, one in flight after its own', async () => {
    for (const [status, waitS] of [
      ['stored', 60],
      ['queued', 60],
      ['forwarded', 600],
      ['analysing', 600],
    ] as const) {
      const jobId = await jobIn(status)
      await age(jobId, waitS - 30)
      assert.equal(await isClaimed(jobId), false, `${status} too early`)
      await age(jobId, 31)
      assert.equal(await isClaimed(jobId), true, `${status} in time`)
    }
  })

  test('a row handed out comes again only after a wait that doubles each time', async () => {
    const jobId = await jobIn('stored')
    await age(jobId, 61)
    assert.equal(await isClaimed(jobId), true)
    for (const waitS of [60, 120, 240, 480, 900, 900]) {
      await age(jobId, waitS - 30)
      assert.equal(await isClaimed(jobId), false, `before ${waitS} s`)
      await age(jobId, 31)
      assert.equal(await isClaimed(jobId), true, `after ${waitS} s`)
    }
  })

  test('a row that moved on waits anew, from the shortest wait', async () => {
    const jobId = await jobIn('stored')
    for (const waitS of [61, 61, 121]) {
      await age(jobId, waitS)
      assert.equal(await isClaimed(jobId), true)
    }
    await store().advance([changeTo(jobId, 'queued')])
    assert.equal(await isClaimed(jobId), false)
    await age(jobId, 61)
    assert.equal(await isClaimed(jobId), true)
    await age(jobId, 61)
    assert.equal(await isClaimed(jobId), true)
  })

  test('an upload is handed out when its own deadline has passed', async () => {
    const [short, long] = [await jobIn('uploading', { uploadTimeoutS: 5 }), await jobIn('uploading')]
    assert.equal(await isClaimed(short), false)
    await Promise.all([age(short, 6), age(long, 800)])
    assert.equal(await isClaimed(short), true)
    assert.equal(await isClaimed(short), false)
    assert.equal(await isClaimed(long), false)
    await age(short, 61)
    assert.equal(await isClaimed(short), true)
  })

  test('a job with a time of its own is not handed out before it', async () => {
    const jobId = await jobIn('queued', { notBefore: new Date(Date.now() + 3_600_000) })
    await age(jobId, 3500)
    assert.equal(await isClaimed(jobId, { ...rules, waitingS: 0 }), false)
    const past = await jobIn('queued', { notBefore: new Date(Date.now() - 1000) })
    assert.equal(await isClaimed(past, { ...rules, waitingS: 0 }), true)
  })

  test('while there is no queue to add them to, waiting rows are left alone, and wait no longer for it', async () => {
    const [stored, queued, analysing] = [await jobIn('stored'), await jobIn('queued'), await jobIn('analysing')]
    for (const jobId of [stored, queued, analysing]) await age(jobId, 700)
    for (let pass = 0; pass < 3; pass += 1) {
      const away = await store().claimStalled({ ...rules, queueIsAway: true })
      const handedOut = new Set(away.map(({ jobId }) => jobId))
      assert.deepEqual([handedOut.has(stored), handedOut.has(queued)], [false, false])
      if (pass === 0) assert.ok(handedOut.has(analysing))
    }
    const back = new Set((await store().claimStalled(rules)).map(({ jobId }) => jobId))
    assert.deepEqual([back.has(stored), back.has(queued)], [true, true])
  })

  test('the rows of a route are handed out to whoever asks for that route, uploads with the queue’s', async () => {
    const direct = { route: 'direct' } as const
    const [stored, analysing, upload] = await Promise.all([
      jobIn('stored', direct),
      jobIn('analysing', direct),
      jobIn('uploading', { ...direct, uploadTimeoutS: 5 }),
    ])
    const queued = await jobIn('queued')
    for (const jobId of [stored, analysing, upload, queued]) await age(jobId, 700)
    const ofQueue = new Set((await store().claimStalled(rules)).map(({ jobId }) => jobId))
    assert.deepEqual(
      [stored, analysing, upload, queued].map((jobId) => ofQueue.has(jobId)),
      [false, false, true, true],
    )
    const silent = { ...rules, route: 'direct', queueIsAway: true } as const
    assert.deepEqual([await isClaimed(stored, silent), await isClaimed(analysing, silent)], [false, false])
    const later = { ...silent, queueIsAway: false }
    assert.equal(await isClaimed(stored, later), true)
  })

  test('a row of the direct route that was held back is handed out when its time comes, and then after a wait', async () => {
    const ofDirect = { ...rules, route: 'direct' } as const
    const held = await jobIn('stored', { route: 'direct', notBefore: new Date(Date.now() + 100_000) })
    await age(held, 90)
    assert.equal(await isClaimed(held, ofDirect), false, 'before its time')
    await age(held, 11)
    assert.equal(await isClaimed(held, ofDirect), true, 'at its time')
    await age(held, 30)
    assert.equal(await isClaimed(held, ofDirect), false, 'while whoever was handed it may be posting it')
    await age(held, 31)
    assert.equal(await isClaimed(held, ofDirect), true, 'after the wait')
  })

  test('a row handed out says how long it has been in its status, however often it was handed out before', async () => {
    const jobId = await jobIn('analysing')
    for (const ageS of [1000, 5000]) {
      await age(jobId, ageS)
      const claimed = (await store().claimStalled(rules)).find((job) => job.jobId === jobId)
      const inStatusS = ageS === 1000 ? 1000 : 6000
      assert.ok(Math.abs((claimed?.inStatusS ?? 0) - inStatusS) < 30, `${claimed?.inStatusS} s`)
    }
  })

  test('what has ended is never handed out', async () => {
    const ids = [await jobIn('completed'), await jobIn('failed'), await jobIn('cancelled')]
    for (const jobId of ids) await age(jobId, 1e6)
    const claimed = await store().claimStalled(rules)
    assert.ok(claimed.every(({ jobId }) => !ids.includes(jobId)))
  })

  test('the limit is kept, and the longest waiting come first', async () => {
    const [older, newer] = [await jobIn('stored'), await jobIn('stored')]
    await Promise.all([age(older, 2e6), age(newer, 1e6)])
    const first = await store().claimStalled({ ...rules, limit: 1 })
    const second = await store().claimStalled({ ...rules, limit: 1 })
    assert.deepEqual(
      [first, second].map((jobs) => jobs.map(({ jobId }) => jobId)),
      [[older], [newer]],
    )
  })

  test('a row is handed out once, however many ask at once', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => jobIn('stored')))
    await Promise.all(ids.map((jobId) => age(jobId, 120)))
    const asked = await Promise.all(Array.from({ length: 6 }, () => store().claimStalled({ ...rules, limit: 5 })))
    const claimed = asked.flat().map(({ jobId }) => jobId)
    assert.equal(new Set(claimed).size, claimed.length)
  })
}

export function describeOverview({ store, age, jobIn }: JobStoreSuite): void {
  test('a job with a time of its own is not old before that time', async () => {
    const { jobId } = await store().create(newJob({ notBefore: new Date(Date.now() + 86_400_000) }))
    await age(jobId, 8e6)
    const old = await store().findOlderThan(7.9e6, 1000)
    assert.ok(!old.some((job) => job.jobId === jobId))
  })

  test('unfinished rows over an age are found, the oldest first', async () => {
    const [old, older, ended, fresh] = [
      await jobIn('stored'),
      await jobIn('analysing'),
      await jobIn('failed'),
      await jobIn('stored'),
    ]
    await Promise.all([age(old, 4e6), age(older, 5e6), age(ended, 5e6)])
    const found = (await store().findOlderThan(3.9e6, 100)).map(({ jobId }) => jobId)
    assert.deepEqual(found, [older, old])
    assert.deepEqual(
      (await store().findOlderThan(3.9e6, 1)).map(({ jobId }) => jobId),
      [older],
    )
    assert.ok(!found.includes(fresh))
  })

  test('rows are counted by status, with the age of the one longest in it', async () => {
    const countOf = async (status: JobStatus) => (await store().countByStatus()).find((hop) => hop.status === status)
    const before = await countOf('analysing')
    const jobId = await jobIn('forwarded')
    await age(jobId, 9e6)
    await store().advance([changeTo(jobId, 'analysing')])
    assert.equal((await countOf('analysing'))?.count, (before?.count ?? 0) + 1)
    assert.ok((await countOf('analysing'))!.oldestAgeS! < 9e6, 'the age counts from entering the status')
    await age(jobId, 8e6)
    assert.ok((await countOf('analysing'))!.oldestAgeS! >= 8e6)
    await store().advance([changeTo(jobId, 'completed')])
    assert.equal((await countOf('analysing'))?.count ?? 0, before?.count ?? 0)
  })
}
