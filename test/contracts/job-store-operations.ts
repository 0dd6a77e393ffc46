import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { createUuidV7 } from '../../src/domain/ids.ts'
import { type Job, type JobStatus, UNFINISHED_STATUSES } from '../../src/domain/job.ts'
import type { JobFilter, NewJob } from '../../src/ports.ts'
import { changeTo, ERROR, type JobStoreSuite, newJob } from './job-store-suite.ts'

const DAY_S = 86_400

export function describeIdempotency({ store, age }: JobStoreSuite): void {
  const keyed = (idempotencyKey: string, fields: Partial<NewJob> = {}) => newJob({ idempotencyKey, ...fields })

  test('a key that another job of the owner holds is answered with that job, and nothing is made', async () => {
    const key = randomUUID()
    const first = await store().create(keyed(key))
    const twin = keyed(key, { filename: 'other.wav' })
    assert.deepEqual(await store().create(twin), first)
    assert.equal(await store().find(twin.jobId), undefined)
  })

  test('of many twins at once one job is made, and all are answered with it', async () => {
    const key = randomUUID()
    const twins = Array.from({ length: 20 }, () => keyed(key))
    const answers = await Promise.all(twins.map((twin) => store().create(twin)))
    assert.equal(new Set(answers.map(({ jobId }) => jobId)).size, 1)
    assert.equal((await store().findMany(twins.map(({ jobId }) => jobId))).length, 1)
  })

  test('owners do not share keys, and jobs without one are never twins', async () => {
    const key = `${'ß'.repeat(200)}${randomUUID()}`
    const given = [keyed(key), keyed(key, { owner: 'other' }), newJob(), newJob({ idempotencyKey: null })]
    for (const job of given) assert.equal((await store().create(job)).jobId, job.jobId)
  })

  test('the key of a broken or cancelled upload is let go, so that it can be sent again', async () => {
    for (const end of ['failed', 'cancelled'] as const) {
      const key = randomUUID()
      const { jobId } = await store().create(keyed(key))
      await store().advance([changeTo(jobId, end)])
      const again = keyed(key)
      assert.equal((await store().create(again)).jobId, again.jobId)
    }
  })

  test('the key of a stored job stays bound, however it ends', async () => {
    for (const end of ['completed', 'failed', 'cancelled'] as const) {
      const key = randomUUID()
      const { jobId } = await store().create(keyed(key))
      await store().advance([changeTo(jobId, 'stored'), changeTo(jobId, end)])
      assert.equal((await store().create(keyed(key))).jobId, jobId)
    }
  })

  test('a key is kept for 24 hours, then a new job takes it', async () => {
    const key = randomUUID()
    const { jobId } = await store().create(keyed(key))
    await store().advance([changeTo(jobId, 'completed')])
    await age(jobId, DAY_S - 60)
    assert.equal((await store().create(keyed(key))).jobId, jobId)
    await age(jobId, 120)
    const answers = await Promise.all(Array.from({ length: 10 }, () => store().create(keyed(key))))
    const [taken] = new Set(answers.map((job) => job.jobId))
    assert.notEqual(taken, jobId)
    assert.ok(answers.every((job) => job.jobId === taken))
    assert.equal((await store().find(jobId))?.status, 'completed')
  })
}

export function describeList({ store, age }: JobStoreSuite): void {
  const owner = () => `owner-${randomUUID()}`
  const make = async (fields: Partial<NewJob>, status: JobStatus = 'uploading'): Promise<string> => {
    const { jobId } = await store().create(newJob(fields))
    if (status !== 'uploading') await store().advance([changeTo(jobId, status)])
    return jobId
  }
  const ids = async (of: string, filter: Partial<JobFilter> = {}) =>
    (await store().list(of, { limit: 100, ...filter })).map(({ jobId }) => jobId)

  test('a list is the owner’s alone, newest first', async () => {
    const acme = owner()
    const jobs = [await make({ owner: acme }), await make({ owner: acme }), await make({ owner: acme })]
    await make({ owner: owner() })
    for (const [index, jobId] of jobs.entries()) await age(jobId, index === 0 ? 5 : 10 - index)
    const [five, nine, eight] = jobs
    assert.deepEqual(await ids(acme), [five, eight, nine])
    assert.deepEqual(await store().list(owner(), { limit: 10 }), [])
  })

  test('pages join without a gap or a repeat, also among jobs of one moment and with jobs made meanwhile', async () => {
    const acme = owner()
    const made: Job[] = await Promise.all(Array.from({ length: 12 }, () => store().create(newJob({ owner: acme }))))
    for (const { jobId } of made) await age(jobId, 10)
    const seen: string[] = []
    let page = await store().list(acme, { limit: 5 })
    while (page.length > 0) {
      seen.push(...page.map(({ jobId }) => jobId))
      await make({ owner: acme })
      page = await store().list(acme, { limit: 5, cursor: page.at(-1)! })
    }
    assert.equal(seen.length, made.length)
    assert.deepEqual(new Set(seen), new Set(made.map(({ jobId }) => jobId)))
  })

  test('statuses and a token narrow the list', async () => {
    const acme = owner()
    const [stored, failed, other] = [
      await make({ owner: acme, tokenId: 'a' }, 'stored'),
      await make({ owner: acme, tokenId: 'a' }, 'failed'),
      await make({ owner: acme, tokenId: 'b' }, 'stored'),
    ]
    const sorted = async (filter: Partial<JobFilter>) => (await ids(acme, filter)).sort()
    assert.deepEqual(await sorted({ statuses: ['stored'] }), [stored, other].sort())
    assert.deepEqual(await sorted({ statuses: ['stored', 'failed'], tokenId: 'a' }), [stored, failed].sort())
    assert.deepEqual(await sorted({ statuses: [] }), [])
    assert.deepEqual(await sorted({ tokenId: 'none' }), [])
  })

  test('a text is found in filename and token id and at the beginning of the job id, in any case, nothing special', async () => {
    const acme = owner()
    const plain = await make({ owner: acme, filename: 'Take 100%_a\\b.wav', tokenId: null })
    const token = await make({ owner: acme, filename: null, tokenId: 'Greeting-1' })
    for (const [q, expected] of [
      ['take 100', [plain]],
      ['%_A\\B', [plain]],
      ['1_0', []],
      ['%', [plain]],
      ['greet', [token]],
      ['EETING', [token]],
      [plain.toUpperCase(), [plain]],
      [plain.slice(9), []],
      ['\0', []],
    ] as const) {
      assert.deepEqual(await ids(acme, { q }), expected, q)
    }
  })
}

export function describeRestart({ store, age, jobIn }: JobStoreSuite): void {
  test('a job that failed retryably starts its next attempt as if just stored', async () => {
    const jobId = await jobIn('analysing')
    const [failed] = await store().advance([changeTo(jobId, 'failed')])
    const { moved, job } = await store().restart(jobId, 1)
    assert.equal(moved, true)
    const { updatedAt, ...rest } = job!
    const { updatedAt: _, ...before } = failed!.job!
    const fresh = { status: 'stored', attempt: 2, progress: 25, message: 'The recording is stored' }
    assert.deepEqual(rest, { ...before, ...fresh, finishedAt: null, error: null })
    assert.ok(updatedAt >= failed!.job!.updatedAt)
    assert.deepEqual(await store().find(jobId), job)
  })

  test('of many restarts at once one makes an attempt, and all are told the row', async () => {
    const jobId = await jobIn('failed')
    const answers = await Promise.all(Array.from({ length: 20 }, () => store().restart(jobId, 1)))
    assert.equal(answers.filter(({ moved }) => moved).length, 1)
    assert.ok(answers.every(({ job }) => job?.attempt === 2 && job.status === 'stored'))
  })

  test('what did not fail, failed for good, or failed in another attempt is left as it is', async () => {
    const forGood = await jobIn('analysing')
    await store().advance([changeTo(forGood, 'failed', { error: { ...ERROR, retryable: false } })])
    for (const jobId of [forGood, await jobIn('completed'), await jobIn('cancelled'), await jobIn('queued')]) {
      const job = await store().find(jobId)
      assert.deepEqual(await store().restart(jobId, 1), { moved: false, job })
    }
    const failed = await jobIn('failed')
    for (const attempt of [0, 2, 1.5]) assert.equal((await store().restart(failed, attempt)).moved, false)
    const unknown = createUuidV7(Date.now())
    assert.deepEqual(await store().restart(unknown, 1), { moved: false, job: undefined })
    assert.deepEqual(await store().restart('no-id', 1), { moved: false, job: undefined })
  })

  test('what is left of an older attempt changes nothing, and the new one ends by itself', async () => {
    const jobId = await jobIn('failed')
    await store().restart(jobId, 1)
    const late = await store().advance([changeTo(jobId, 'completed'), changeTo(jobId, 'analysing')])
    assert.ok(late.every(({ moved }) => !moved))
    assert.equal(await store().findResult(jobId), undefined)
    await store().advance([changeTo(jobId, 'completed', { attempt: 2, result: { json: '"second"' } })])
    assert.deepEqual(await store().findResult(jobId), { json: '"second"' })
  })

  test('a new attempt is not too old because the job is, and waits anew', async () => {
    const jobId = await jobIn('failed')
    await age(jobId, 6.5e6)
    await store().restart(jobId, 1)
    const isOld = async () => (await store().findOlderThan(6.4e6, 1000)).some((job) => job.jobId === jobId)
    const rules = { waitingS: 60, inFlightS: 600, limit: 1000 }
    assert.equal(await isOld(), false)
    assert.ok(!(await store().claimStalled(rules)).some((job) => job.jobId === jobId))
    await age(jobId, 61)
    assert.ok((await store().claimStalled(rules)).some((job) => job.jobId === jobId))
    await age(jobId, 6.5e6)
    assert.equal(await isOld(), true)
  })

  test('an owner’s unfinished jobs are counted, no further than asked', async () => {
    const owner = `counted-${Date.now()}`
    for (const status of ['uploading', 'stored', 'analysing', 'completed', 'failed'] as const)
      await jobIn(status, { owner })
    assert.equal(await store().countUnfinished(owner, 100), 3)
    assert.equal(await store().countUnfinished(owner, 2), 2)
    assert.equal(await store().countUnfinished('nobody', 100), 0)
  })

  test('unfinished rows are found by owner, the newest of each as far as asked', async () => {
    const [one, other] = [`busy-${Date.now()}`, `calm-${Date.now()}`]
    const busy = []
    for (const status of ['analysing', 'uploading', 'stored'] as const) busy.push(await jobIn(status, { owner: one }))
    for (const status of ['completed', 'failed', 'cancelled'] as const) await jobIn(status, { owner: one })
    const calm = await jobIn('queued', { owner: other })
    const idsOf = async (owners: string[], most: number) =>
      (await store().findUnfinished(owners, most)).map(({ jobId }) => jobId).sort()
    assert.deepEqual(await idsOf([one, other], 100), [...busy, calm].sort())
    const newest = await store().list(one, { statuses: UNFINISHED_STATUSES, limit: 2 })
    assert.deepEqual(await idsOf([one, other, 'nobody'], 2), [...newest.map(({ jobId }) => jobId), calm].sort())
    assert.deepEqual(await idsOf([], 100), [])
    const atOnce = await Promise.all([idsOf([one], 2), idsOf([other], 100), idsOf([one], 100), idsOf(['nobody'], 1)])
    assert.deepEqual(atOnce, [newest.map(({ jobId }) => jobId).sort(), [calm], [...busy].sort(), []])
  })

  test('jobs in flight are those forwarded or analysing, counted by owner as far as asked', async () => {
    const owner = `in-flight-${Date.now()}`
    const countOf = async (name: string) => (await store().countInFlight(1e6)).get(name)
    const [forwarded, analysing] = [await jobIn('forwarded', { owner }), await jobIn('analysing', { owner })]
    await jobIn('analysing', { owner: `${owner}-other` })
    // Those of the direct route are not in SQS.
    for (const status of ['forwarded', 'analysing'] as const) await jobIn(status, { owner, route: 'direct' })
    for (const status of ['uploading', 'stored', 'queued', 'completed', 'failed', 'cancelled'] as const) {
      await jobIn(status, { owner })
    }
    assert.deepEqual([await countOf(owner), await countOf(`${owner}-other`)], [2, 1])
    assert.deepEqual([...(await store().countInFlight(1)).values()], [1])
    await store().advance([changeTo(forwarded, 'completed'), changeTo(analysing, 'failed')])
    assert.deepEqual([await countOf(owner), await countOf(`${owner}-other`)], [undefined, 1])
  })
}
