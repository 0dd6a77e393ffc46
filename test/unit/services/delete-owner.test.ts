import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { acceptUpload } from '../../../src/services/accept-upload.ts'
import { deleteOwners, requestOwnerDeletion } from '../../../src/services/delete-owner.ts'
import { addJob, createFakePorts } from '../../support/fake-ports.ts'
import { toneWav } from '../../support/recordings.ts'

const LIMITS = { maxUploadBytes: 1e9, maxDurationS: 3600, uploadTimeoutS: 900 }
const rules = { settleS: 0, retryS: 0 }

test('all of an owner goes, page by page, and nothing of another', async () => {
  const ports = createFakePorts()
  for (let i = 0; i < 120; i += 1) await addJob(ports, i % 2 === 0 ? 'queued' : 'completed', { owner: 'zoe' })
  const { objectKey } = await addJob(ports, 'queued', { owner: 'acme' })
  await requestOwnerDeletion(ports, 'zoe')
  await deleteOwners(ports, rules)
  assert.deepEqual([...ports.objects.objects.keys()], [objectKey])
  assert.deepEqual(await ports.jobs.list('zoe', { limit: 10 }), [])
  assert.equal((await ports.jobs.list('acme', { limit: 10 })).length, 1)
  assert.deepEqual(await ports.ownerDeletions.claim({ retryS: 0, limit: 1 }), [])
})

test('an upload under way ends without an object, whenever its row goes', async () => {
  const ports = createFakePorts()
  const body = new PassThrough()
  const wav = toneWav({ seconds: 1 })
  body.write(wav.subarray(0, 20_000))
  const fields = { tokenId: null, filename: null, priority: 'normal', metadata: {}, callbackUrl: null } as const
  const more = { notBefore: null, traceparent: null, idempotencyKey: null, size: undefined, body }
  const { signal } = new AbortController()
  const made = Promise.withResolvers<void>()
  const create: typeof ports.jobs.create = async (job) => {
    const row = await ports.jobs.create(job)
    made.resolve()
    return row
  }
  const watched = { ...ports, jobs: { ...ports.jobs, create } }
  const upload = acceptUpload(watched, LIMITS, { owner: 'zoe', ...fields, ...more }, signal)
  await Promise.race([made.promise, upload])
  await requestOwnerDeletion(ports, 'zoe')
  await deleteOwners(ports, rules)
  body.end(wav.subarray(20_000))
  await assert.rejects(upload)
  assert.equal(ports.objects.objects.size, 0)
  assert.deepEqual(await ports.jobs.list('zoe', { limit: 10 }), [])
})

test('with Redis away the deletion goes on later, and has lost nothing of what is to be deleted', async () => {
  const ports = createFakePorts()
  const { jobId } = await addJob(ports, 'queued', { owner: 'zoe' })
  await requestOwnerDeletion(ports, 'zoe')
  ports.progress.setDown(true)
  await deleteOwners(ports, rules)
  assert.equal((await ports.jobs.find(jobId))?.status, 'cancelled')
  ports.progress.setDown(false)
  await deleteOwners(ports, rules)
  assert.equal(await ports.jobs.find(jobId), undefined)
  assert.equal(ports.metrics.counted('swept', { kind: 'owner' }), 1)
})
