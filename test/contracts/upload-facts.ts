import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import type { UploadFactStore } from '../../src/ports/direct-uploads.ts'
import type { JobStore } from '../../src/ports.ts'
import { changeTo, newJob } from './job-store-suite.ts'

const announced = { method: 'parts', sizeBytes: 9e9, sha256: 'ab'.repeat(32) } as const

/** What the rows of direct uploads promise. */
export function describeUploadFacts(
  name: string,
  open: () => { readonly jobs: JobStore; readonly facts: UploadFactStore },
): void {
  describe(name, () => {
    test('what a client announced is kept with the row, which ends when it was said to', async () => {
      const { jobs, facts } = open()
      const { jobId, createdAt } = await jobs.create(newJob({ announced, uploadTimeoutS: 100 }))
      const { expiresAt, leftS, ...found } = (await facts.find(jobId)) ?? assert.fail('not kept')
      assert.deepEqual(found, { ...announced, uploadId: null })
      assert.ok(Math.abs(expiresAt.getTime() - createdAt.getTime() - 100_000) < 10)
      assert.ok(leftS > 90 && leftS <= 100, `${leftS}`)
    })

    test('a recording that came through the API has none, and no job has none', async () => {
      const { jobs, facts } = open()
      const { jobId } = await jobs.create(newJob())
      for (const id of [jobId, randomUUID(), 'no-uuid']) assert.equal(await facts.find(id), undefined)
      assert.equal(await facts.bind(jobId, 'some-id'), undefined)
    })

    test('of several ids that the store gave one upload, the first stays', async () => {
      const { jobs, facts } = open()
      const { jobId } = await jobs.create(newJob({ announced }))
      const kept = await Promise.all(['a', 'b', 'c'].map((id) => facts.bind(jobId, id)))
      assert.equal(new Set(kept).size, 1)
      assert.equal(await facts.bind(jobId, 'd'), kept[0])
      assert.equal((await facts.find(jobId))?.uploadId, kept[0])
    })

    test('the row follows its recording to another place, once', async () => {
      const { jobs } = open()
      const job = await jobs.create(newJob({ announced }))
      const recording = { objectKey: 'audio/acme/a-1.ogg', contentType: 'audio/ogg' }
      const [moved] = await jobs.advance([changeTo(job.jobId, 'stored', { recording })])
      assert.deepEqual([moved?.job?.objectKey, moved?.job?.contentType], ['audio/acme/a-1.ogg', 'audio/ogg'])
      const late = { objectKey: 'audio/acme/a-2.wav', contentType: 'audio/wav' }
      const [again] = await jobs.advance([changeTo(job.jobId, 'stored', { recording: late })])
      const [queued] = await jobs.advance([changeTo(job.jobId, 'queued')])
      assert.deepEqual([again?.moved, queued?.job?.objectKey], [false, recording.objectKey])
    })
  })
}
