import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createUuidV7 } from '../../src/domain/ids.ts'
import { isTerminal, JOB_STATUSES, progressOnEntering, rankOf } from '../../src/domain/job.ts'
import type { StatusChange } from '../../src/ports.ts'
import { changeTo, ERROR, type JobStoreSuite, newJob } from './job-store-suite.ts'

export function describeAdvance({ store, jobIn }: JobStoreSuite): void {
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

  test('a change decided from one status is not applied to a row that went on meanwhile', async () => {
    const jobId = await jobIn('uploading')
    const expire = changeTo(jobId, 'failed', { from: 'uploading' })
    const [stored] = await store().advance([changeTo(jobId, 'stored')])
    assert.deepEqual(await store().advance([expire]), [{ moved: false, job: stored?.job }])
    const [failed] = await store().advance([changeTo(jobId, 'failed', { from: 'stored' })])
    assert.equal(failed?.moved, true)
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

export function describeRepeats({ store, jobIn }: JobStoreSuite): void {
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
