import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createUuidV7 } from '../../src/domain/ids.ts'
import { isTerminal, JOB_STATUSES, type JobStatus, progressOnEntering, rankOf } from '../../src/domain/job.ts'
import type { JobStore, NewJob, StatusChange } from '../../src/ports.ts'

export interface OpenJobStore {
  readonly store: JobStore
  /** Makes a job older: as if everything about it had happened this much earlier. */
  age(jobId: string, seconds: number): Promise<void>
  close(): Promise<void>
}

export function newJob(fields: Partial<NewJob> = {}): NewJob {
  const jobId = createUuidV7(Date.now())
  return {
    jobId,
    owner: 'acme',
    tokenId: 'greeting-1',
    route: 'queue',
    filename: 'take3.wav',
    contentType: 'audio/wav',
    objectKey: `audio/acme/${jobId}.wav`,
    priority: 'normal',
    metadata: { lesson: 3, tags: ['a', 'b'] },
    callbackUrl: null,
    notBefore: null,
    traceparent: null,
    uploadTimeoutS: 900,
    ...fields,
  }
}

const ERROR = { code: 'analysis-failed', detail: 'No voice', retryable: true }

/** A change to a status with what the status needs. */
export function changeTo(jobId: string, to: JobStatus, fields: Partial<StatusChange> = {}): StatusChange {
  const error = to === 'failed' ? { error: ERROR } : {}
  const result = to === 'completed' ? { result: { json: '{"version":1}' } } : {}
  return { jobId, attempt: 1, to, ...error, ...result, ...fields }
}

interface Suite {
  readonly store: () => JobStore
  readonly age: OpenJobStore['age']
  /** A job that has got as far as this. */
  jobIn(status: JobStatus, fields?: Partial<NewJob>): Promise<string>
}

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
    const suite: Suite = {
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
  })
}

function describeRows({ store, jobIn }: Suite): void {
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

function describeAdvance({ store, jobIn }: Suite): void {
  test('each status has its progress and sentence, and time never goes back', async () => {
    const { jobId, createdAt } = await store().create(newJob())
    let last = createdAt
    for (const to of ['stored', 'queued', 'forwarded', 'analysing', 'completed'] as const) {
      const [advanced] = await store().advance([changeTo(jobId, to)])
      assert.equal(advanced?.moved, true)
      assert.equal(advanced.job?.status, to)
      assert.equal(advanced.job.progress, progressOnEntering(to, 0))
      assert.ok(advanced.job.message.length > 0)
      assert.ok(advanced.job.updatedAt >= last)
      assert.equal(advanced.job.finishedAt !== null, isTerminal(to))
      last = advanced.job.updatedAt
    }
  })

  test('what a change knows of the recording is kept by later ones that do not', async () => {
    const jobId = await jobIn('uploading')
    const sha256 = 'ab'.repeat(32)
    await store().advance([changeTo(jobId, 'stored', { sizeBytes: 5_000_000_000, sha256, message: 'Kept' })])
    const [advanced] = await store().advance([changeTo(jobId, 'completed', { durationS: 2.41 })])
    const { sizeBytes, durationS, message } = advanced?.job ?? {}
    assert.deepEqual(
      { sizeBytes, sha256: advanced?.job?.sha256, durationS },
      { sizeBytes: 5e9, sha256, durationS: 2.41 },
    )
    assert.equal(message, 'The analysis is ready')
  })

  test('a status may be skipped, and never comes back', async () => {
    const jobId = await jobIn('stored')
    const [ahead] = await store().advance([changeTo(jobId, 'analysing')])
    assert.equal(ahead?.moved, true)
    for (const to of ['uploading', 'stored', 'queued', 'forwarded', 'analysing'] as const) {
      const [late] = await store().advance([changeTo(jobId, to, { message: 'late' })])
      assert.deepEqual(late, { moved: false, job: ahead.job })
    }
  })

  test('a job that ended stays as it is, whatever comes', async () => {
    for (const end of ['completed', 'failed', 'cancelled'] as const) {
      const jobId = await jobIn('queued')
      const [ended] = await store().advance([changeTo(jobId, end)])
      const late = await store().advance(JOB_STATUSES.map((to) => changeTo(jobId, to)))
      assert.deepEqual(
        late,
        JOB_STATUSES.map(() => ({ moved: false, job: ended?.job })),
      )
    }
  })

  test('failed and cancelled keep the last progress', async () => {
    for (const end of ['failed', 'cancelled'] as const) {
      const jobId = await jobIn('forwarded')
      const [ended] = await store().advance([changeTo(jobId, end)])
      assert.equal(ended?.job?.progress, 60)
    }
  })

  test('a failure records the status it came in as its stage', async () => {
    for (const stage of ['uploading', 'stored', 'queued', 'forwarded', 'analysing'] as const) {
      const jobId = await jobIn(stage)
      const [failed] = await store().advance([changeTo(jobId, 'failed')])
      assert.deepEqual(failed?.job?.error, { ...ERROR, stage })
    }
  })

  test('another attempt’s change does nothing', async () => {
    const jobId = await jobIn('queued')
    const row = await store().find(jobId)
    for (const attempt of [0, 2, 2 ** 40, 1.5, Number.NaN]) {
      const [other] = await store().advance([changeTo(jobId, 'completed', { attempt })])
      assert.deepEqual(other, { moved: false, job: row })
    }
  })

  test('answers come in the order of the changes, unknown jobs and ids that are none among them', async () => {
    const [first, second] = [await jobIn('stored'), await jobIn('completed')]
    const unknown = createUuidV7(Date.now())
    const answers = await store().advance([unknown, second, 'no-id', first].map((id) => changeTo(id, 'queued')))
    assert.deepEqual(
      answers.map(({ moved, job }) => [moved, job?.jobId]),
      [
        [false, undefined],
        [false, second],
        [false, undefined],
        [true, first],
      ],
    )
    assert.deepEqual(await store().advance([]), [])
  })

  test('several changes of one job are applied in their order', async () => {
    const [jobId, other] = [await jobIn('stored'), await jobIn('uploading')]
    const changes = [
      changeTo(jobId, 'queued'),
      changeTo(other, 'stored'),
      changeTo(jobId, 'analysing'),
      changeTo(jobId, 'forwarded'),
      changeTo(jobId, 'failed'),
    ]
    const answers = await store().advance(changes)
    assert.deepEqual(
      answers.map(({ moved }) => moved),
      [true, true, true, false, true],
    )
    assert.equal((await store().find(jobId))?.error?.stage, 'analysing')
  })

  test('an inconsistent change is refused before anything is applied', async () => {
    const [jobId, other] = [await jobIn('stored'), await jobIn('stored')]
    const bare = { jobId, attempt: 1 } as const
    const wrong: StatusChange[] = [
      { ...bare, to: 'failed' },
      { ...bare, to: 'queued', error: ERROR },
      { ...bare, to: 'queued', result: { json: '{}' } },
    ]
    for (const change of wrong) await assert.rejects(store().advance([changeTo(other, 'queued'), change]), TypeError)
    assert.equal((await store().find(other))?.status, 'stored')
  })

  test('texts of a stranger never fail the changes they travel with', async () => {
    const ids = [await jobIn('analysing'), await jobIn('analysing')]
    const error = { code: 'é'.repeat(300), detail: `\0${'🎙'.repeat(9000)}`, retryable: false }
    const answers = await store().advance([
      changeTo(ids[0]!, 'failed', { error, message: `a\0b${'ß'.repeat(5000)}` }),
      changeTo(ids[1]!, 'completed'),
    ])
    assert.deepEqual(
      answers.map(({ moved }) => moved),
      [true, true],
    )
  })
}

function describeRepeats({ store, jobIn }: Suite): void {
  test('of many equal changes at once exactly one moves', async () => {
    const jobId = await jobIn('stored')
    const answers = await Promise.all(Array.from({ length: 20 }, () => store().advance([changeTo(jobId, 'queued')])))
    assert.equal(answers.flat().filter(({ moved }) => moved).length, 1)
    assert.ok(answers.flat().every(({ job }) => job?.status === 'queued'))
  })

  test('of two ends at once exactly one stands, and both are told which', async () => {
    for (let round = 0; round < 10; round += 1) {
      const jobId = await jobIn('analysing')
      const ends = (['completed', 'failed', 'cancelled'] as const).map((to) => store().advance([changeTo(jobId, to)]))
      const answers = (await Promise.all(ends)).flat()
      assert.equal(answers.filter(({ moved }) => moved).length, 1)
      assert.equal(new Set(answers.map(({ job }) => job?.status)).size, 1)
    }
  })

  test('shuffled and repeated changes only ever lead forward, to one end', async () => {
    const random = createRandom(7)
    for (let round = 0; round < 10; round += 1) {
      const jobId = await jobIn('uploading')
      const statuses = shuffle([...JOB_STATUSES, ...JOB_STATUSES, ...JOB_STATUSES], random)
      const seen: { rank: number; progress: number }[] = [{ rank: 0, progress: 0 }]
      for (const to of statuses) {
        const [advanced] = await store().advance([changeTo(jobId, to)])
        const job = advanced!.job!
        const last = seen.at(-1)!
        assert.equal(advanced!.moved, rankOf(job.status) > last.rank)
        assert.ok(rankOf(job.status) >= last.rank && job.progress >= last.progress)
        seen.push({ rank: rankOf(job.status), progress: job.progress })
      }
      assert.equal(seen.at(-1)?.rank, 5)
    }
  })
}

function describeResults({ store, jobIn }: Suite): void {
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

function describeClaims({ store, age, jobIn }: Suite): void {
  const rules = { waitingS: 60, inFlightS: 600, limit: 1000 }
  const isClaimed = async (jobId: string, given = rules) =>
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

function describeOverview({ store, age, jobIn }: Suite): void {
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

/** Numbers in [0, 1) that are the same on every run (Park and Miller, 1988). */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 16807) % 2147483647
    return (state - 1) / 2147483646
  }
}

function shuffle<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item)
}
