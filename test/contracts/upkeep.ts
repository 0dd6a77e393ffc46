import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, describe, test } from 'node:test'
import { createUuidV7 } from '../../src/domain/ids.ts'
import { recordingKey, referenceKey, resultPrefix } from '../../src/domain/object-keys.ts'
import { changeTo, ERROR, newJob } from './job-store-suite.ts'
import { describeDeletion } from './upkeep-deletion.ts'
import { jobIn, type UpkeepStores } from './upkeep-suite.ts'

const DAY_S = 86_400

type Suite = () => UpkeepStores

/** What every set of stores promises to sweeps, to retention and to the deletion of owners. */
export function describeUpkeep(
  name: string,
  open: () => Promise<UpkeepStores>,
  options: { skip?: string | false } = {},
): void {
  describe(name, { skip: options.skip ?? false }, () => {
    let stores: UpkeepStores
    before(async () => {
      stores = await open()
    })
    describeTurns(() => stores)
    describeUnneeded(() => stores)
    describeReferences(() => stores)
    describeStored(() => stores)
    describeRetention(() => stores)
    describeDeletion(() => stores)
  })
}

function describeTurns(stores: Suite): void {
  test('a sweep has one turn at a time, goes on where it stopped, and is due again after its interval', async () => {
    const { sweeps } = stores()
    const name = randomUUID()
    const taken = await Promise.all([1, 2, 3].map(() => sweeps.claim(name, 60)))
    const [turn, ...more] = taken.filter((one) => one !== undefined)
    assert.deepEqual([turn?.cursor, more.length], [null, 0])
    assert.equal(await sweeps.keep(turn!, 'a', 60), true)
    await sweeps.end(turn!, { cursor: 'b', dueInS: 0 })
    assert.equal(await sweeps.keep(turn!, 'c', 60), false)
    const next = await sweeps.claim(name, 60)
    assert.equal(next?.cursor, 'b')
    assert.deepEqual([await sweeps.lastCursor(name), await sweeps.lastCursor(`${name}-other`)], ['b', null])
    await sweeps.end(next!, { cursor: null, dueInS: 60 })
    assert.equal(await sweeps.lastCursor(name), null)
    assert.equal(await sweeps.claim(name, 60), undefined)
  })

  test('a turn that its holder never gave back passes to another, and is lost to the first', async () => {
    const { sweeps } = stores()
    const name = randomUUID()
    const dead = await sweeps.claim(name, 0)
    const alive = await sweeps.claim(name, 60)
    assert.notEqual(alive, undefined)
    assert.equal(await sweeps.keep(dead!, 'x', 60), false)
    await sweeps.end(dead!, { cursor: 'x', dueInS: 0 })
    assert.equal(await sweeps.keep(alive!, 'y', 60), true)
  })
}

function describeUnneeded(stores: Suite): void {
  test('a recording is needed while its row may need it: only what ended unstored, or has no row, is not', async () => {
    const { sweeps } = stores()
    const kept = await Promise.all(
      [[], ['stored'], ['stored', 'completed'], ['stored', 'failed'], ['stored', 'cancelled']].map((statuses) =>
        jobIn(stores(), statuses as never),
      ),
    )
    const broken = await Promise.all([['failed'], ['cancelled']].map((statuses) => jobIn(stores(), statuses as never)))
    const unknown = recordingKey('acme', createUuidV7(Date.now()), '.wav', new Date())
    const elsewhere = recordingKey('other', kept[1]!.jobId, '.wav', new Date())
    const foreign = ['audio/readme.txt', 'audio/acme/notes.txt', 'audio/%E0%A4%A/x.wav']
    const expected = [...broken.map(({ objectKey }) => objectKey), unknown, elsewhere]
    const keys = [...kept.map(({ objectKey }) => objectKey), ...expected, ...foreign]
    assert.deepEqual((await sweeps.findUnneeded('audio', keys)).sort(), expected.sort())
    assert.deepEqual(await sweeps.findUnneeded('audio', []), [])
  })

  test('a result is needed while its job is unfinished, and when the job ended with it', async () => {
    const { sweeps, jobs } = stores()
    const running = await jobIn(stores(), ['stored'])
    const ended = await jobIn(stores(), ['stored'])
    const keyOf = (jobId: string, name = 'one.json') => `${resultPrefix('acme', jobId)}${name}`
    const result = { objectKey: keyOf(ended.jobId) }
    await jobs.advance([changeTo(ended.jobId, 'completed', { result })])
    const expected = [keyOf(ended.jobId, 'two.json'), keyOf(createUuidV7(Date.now()))].sort()
    const keys = [keyOf(running.jobId), keyOf(ended.jobId), ...expected]
    assert.deepEqual((await sweeps.findUnneeded('results', keys)).sort(), expected)
  })

  test('what is sent straight to the store is needed until its job is stored under another key', async () => {
    const { sweeps } = stores()
    const [uploading, stored] = await Promise.all([jobIn(stores(), []), jobIn(stores(), ['stored'])])
    const [needed, done] = [`uploads/acme/${uploading.jobId}`, `uploads/acme/${stored.jobId}`]
    assert.deepEqual(await sweeps.findUnneeded('uploads', [needed, done]), [done])
  })
}

function describeReferences(stores: Suite): void {
  test('reference material is needed by its token and by jobs made with it, until they are purged', async () => {
    const { sweeps, tokens, jobs, retention, age } = stores()
    const owner = randomUUID()
    const put = (name: string, audioSha256: string) => {
      const keys = { audioKey: referenceKey(owner, 't1', name), audioSha256, textgridKey: null, pitchKey: null }
      return tokens.put(owner, 't1', keys)
    }
    const [first, second] = ['1'.repeat(64), '2'.repeat(64)]
    await put('1.wav', first)
    const job = newJob({ owner, tokenId: 't1' })
    // The twin of the job store does not look at tokens; the row it makes has no reference.
    const { reference } = await jobs.create(job)
    await put('2.wav', second)
    const [old, current] = [referenceKey(owner, 't1', '1.wav'), referenceKey(owner, 't1', '2.wav')]
    const track = (sha256: string) => `references/${owner}/~pitch/${sha256}.1.robust.track`
    const keys = [old, current, track(first), track(second)]
    const stale = [old, track(first)].sort()
    const whileKept = reference === null ? stale : []
    assert.deepEqual((await sweeps.findUnneeded('references', keys)).sort(), whileKept)
    await jobs.advance([changeTo(job.jobId, 'cancelled')])
    await age(job.jobId, 5000 * DAY_S)
    await retention.claim({ ageS: 4000 * DAY_S, leaseS: 60, limit: 10 })
    await retention.finish([job.jobId])
    assert.deepEqual((await sweeps.findUnneeded('references', keys)).sort(), stale)
    await tokens.remove(owner, 't1')
    assert.deepEqual((await sweeps.findUnneeded('references', keys)).sort(), keys.sort())
  })
}

function describeStored(stores: Suite): void {
  test('stored, unfinished jobs are paged through by age', async () => {
    const { sweeps, age } = stores()
    const jobs = await Promise.all([1, 2, 3].map(() => jobIn(stores(), ['stored'])))
    const others = await Promise.all([jobIn(stores(), []), jobIn(stores(), ['stored', 'completed'])])
    for (const [index, { jobId }] of [...jobs, ...others].entries()) await age(jobId, 3000 * DAY_S - index)
    const seen: string[] = []
    for (let after: string | null = null; ; ) {
      const page = await sweeps.findStored({ after, minAgeS: 2000 * DAY_S, limit: 2 })
      seen.push(...page.map(({ job }) => job.jobId))
      after = page.at(-1)?.after ?? null
      if (page.length < 2) break
    }
    assert.deepEqual(
      seen,
      jobs.map(({ jobId }) => jobId),
    )
  })
}

function describeRetention(stores: Suite): void {
  const rules = { ageS: 6000 * DAY_S, leaseS: 60, limit: 100 }

  test('an old ended job is handed out once, is not retried from then on, and ends as a tombstone', async () => {
    const { jobs, retention, age } = stores()
    const failed = await jobIn(stores(), ['stored', 'failed'])
    const completed = await jobIn(stores(), ['stored', 'completed'])
    const running = await jobIn(stores(), ['stored'])
    const young = await jobIn(stores(), ['stored', 'completed'])
    for (const { jobId } of [failed, completed, running]) await age(jobId, 7000 * DAY_S)
    const handed = await Promise.all([retention.claim(rules), retention.claim(rules)])
    const ids = handed.flat().map(({ jobId }) => jobId)
    assert.deepEqual(ids.sort(), [failed.jobId, completed.jobId].sort())
    assert.equal((await jobs.restart(failed.jobId, 1)).moved, false)
    assert.equal(await retention.finish([...ids, young.jobId, running.jobId]), 2)
    assert.equal(await retention.finish(ids), 0)
    const { status, filename, metadata, purgedAt } = (await jobs.find(completed.jobId))!
    assert.deepEqual([status, filename, metadata, purgedAt !== null], ['completed', null, {}, true])
    assert.equal(await jobs.findResult(completed.jobId), undefined)
    assert.notEqual(await jobs.findResult(young.jobId), undefined)
    assert.deepEqual(await retention.claim({ ...rules, leaseS: 0 }), [])
  })

  test('a job whose purge was not finished is handed out again', async () => {
    const { retention, age } = stores()
    const { jobId } = await jobIn(stores(), ['stored', 'cancelled'])
    await age(jobId, 7000 * DAY_S)
    assert.deepEqual(
      (await retention.claim(rules)).map((job) => job.jobId),
      [jobId],
    )
    assert.deepEqual(await retention.claim(rules), [])
    await age(jobId, 61)
    assert.equal((await retention.claim(rules)).length, 1)
    await retention.finish([jobId])
  })

  test('a failed job that was retried before its time is left alone', async () => {
    const { jobs, retention, age } = stores()
    const { jobId } = await jobIn(stores(), ['stored'])
    await jobs.advance([changeTo(jobId, 'failed', { error: ERROR })])
    await age(jobId, 7000 * DAY_S)
    assert.equal((await jobs.restart(jobId, 1)).moved, true)
    assert.deepEqual(await retention.claim(rules), [])
  })
}
