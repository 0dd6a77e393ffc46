import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createUuidV7 } from '../../src/domain/ids.ts'
import { describeAdvance, describeRepeats } from './job-store-advance.ts'
import { describeClaims, describeOverview } from './job-store-claims.ts'
import { describeEnded } from './job-store-ended.ts'
import { describeIdempotency, describeList, describeRestart } from './job-store-operations.ts'
import { changeTo, type JobStoreSuite, newJob, type OpenJobStore } from './job-store-suite.ts'

/** What every store of jobs promises. The tests share one store; each looks at its own jobs only. */
export function describeJobStore(
  name: string,
  open: () => Promise<OpenJobStore>,
  options: { skip?: string | false } = {},
): void {
  describe(name, { skip: options.skip ?? false }, () => {
    let opened: OpenJobStore
    before(async () => {
      opened = await open()
    })
    after(() => opened.close())
    const suite: JobStoreSuite = {
      store: () => opened.store,
      age: (jobId, seconds) => opened.age(jobId, seconds),
      jobIn: async (status, fields) => {
        const { jobId } = await opened.store.create(newJob(fields))
        if (status !== 'uploading') await opened.store.advance([changeTo(jobId, status)])
        return jobId
      },
    }
    describeRows(suite)
    describeAdvance(suite)
    describeRepeats(suite)
    describeResults(suite)
    describeClaims(suite)
    describeOverview(suite)
    describeIdempotency(suite)
    describeList(suite)
    describeEnded(suite)
    describeRestart(suite)
  })
}

function describeRows({ store, jobIn }: JobStoreSuite): void {
  test('a new job is uploading, of attempt 1, and found as it was made', async () => {
    const notBefore = new Date('2031-01-02T03:04:05.678Z')
    const given = newJob({ notBefore, priority: 'high', traceparent: '00-aa-bb-01', callbackUrl: 'https://a.example' })
    const job = await store().create(given)
    const { uploadTimeoutS, ...fields } = given
    const { createdAt, updatedAt, ...rest } = job
    assert.deepEqual(rest, {
      ...fields,
      status: 'uploading',
      attempt: 1,
      progress: 0,
      message: 'Receiving the recording',
      sizeBytes: null,
      sha256: null,
      durationS: null,
      finishedAt: null,
      error: null,
      reference: null,
      routeReason: null,
      flagVersion: null,
      purgedAt: null,
    })
    assert.deepEqual(updatedAt, createdAt)
    assert.deepEqual(await store().find(given.jobId), job)
  })

  test('making the same job again answers with the row that is there', async () => {
    const given = newJob()
    const first = await store().create(given)
    assert.deepEqual(await store().create(given), first)
  })

  test('an id that another owner has is refused', async () => {
    const given = newJob()
    await store().create(given)
    await assert.rejects(store().create({ ...given, owner: 'other' }), /belongs to another job/)
  })

  test('odd texts do not fail: every escape in metadata and names comes back', async () => {
    const metadata = { nul: '\0', quote: '"{},\\', lone: '\ud800', emoji: '🎙' }
    const { jobId } = await store().create(newJob({ metadata, filename: 'Aufnahme "ä", {1}.wav', tokenId: null }))
    const job = await store().find(jobId)
    assert.deepEqual(job?.metadata, metadata)
    assert.equal(job?.filename, 'Aufnahme "ä", {1}.wav')
  })

  test('what is not there is not found, nor is what cannot be an id', async () => {
    assert.equal(await store().find(createUuidV7(Date.now())), undefined)
    assert.equal(await store().find("x'; --"), undefined)
    assert.deepEqual(await store().findMany(['', createUuidV7(Date.now())]), [])
    assert.deepEqual(await store().findMany([]), [])
  })

  test('many are found at once, the unknown left out', async () => {
    const ids = [await jobIn('uploading'), await jobIn('stored'), await jobIn('failed')]
    const found = await store().findMany([...ids, ids[0]!, createUuidV7(Date.now())])
    assert.deepEqual(found.map(({ jobId }) => jobId).sort(), [...ids].sort())
  })

  test('the store says that it can be reached', () => store().check())
}

function describeResults({ store, jobIn }: JobStoreSuite): void {
  test('a result comes back letter by letter', async () => {
    const jobId = await jobIn('analysing')
    const json = '{"b" : 1.50,  "a":["\\u0000","\\"{},\\\\", "ä🎙"],"b":2}'
    await store().advance([changeTo(jobId, 'completed', { result: { json } })])
    assert.deepEqual(await store().findResult(jobId), { json })
  })

  test('a large result is an object’s key', async () => {
    const jobId = await jobIn('analysing')
    await store().advance([changeTo(jobId, 'completed', { result: { objectKey: 'results/acme/x/r.json' } })])
    assert.deepEqual(await store().findResult(jobId), { objectKey: 'results/acme/x/r.json' })
  })

  test('the first result stands; a repeat changes nothing', async () => {
    const jobId = await jobIn('analysing')
    const changes = ['1', '2', '3'].map((json) => changeTo(jobId, 'completed', { result: { json } }))
    await store().advance(changes)
    await store().advance(changes.slice(1))
    assert.deepEqual(await store().findResult(jobId), { json: '1' })
  })

  test('there is no result of a job that is unknown, unfinished or failed', async () => {
    const ids = ['no-id', createUuidV7(Date.now()), await jobIn('analysing'), await jobIn('failed')]
    for (const jobId of ids) assert.equal(await store().findResult(jobId), undefined)
  })
}
