import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../../src/domain/errors.ts'
import type { Job } from '../../../src/domain/job.ts'
import { completeUpload } from '../../../src/services/complete-upload.ts'
import { offerUpload, resumeUpload, type UploadRequest } from '../../../src/services/offer-upload.ts'
import { reconcile } from '../../../src/services/reconcile.ts'
import { createFakePorts, type FakePorts, publishedSteps } from '../../support/fake-ports.ts'
import { toneWav } from '../../support/recordings.ts'

const MIB = 1024 * 1024
const LIMITS = { maxUploadBytes: 32 * MIB, maxDurationS: 3600, uploadTimeoutS: 900, directUploadTimeoutS: 3600 }
const RULES = { waitingS: 1e6, inFlightS: 1e6, maxAgeS: 1e6 }
const WAV = toneWav({ seconds: 0.1 })
const LONG = toneWav({ seconds: 300 })

function requestOf(bytes: Uint8Array, fields: Partial<UploadRequest> = {}): UploadRequest {
  return {
    owner: 'acme',
    tokenId: null,
    filename: 'take.wav',
    priority: 'normal',
    metadata: {},
    callbackUrl: null,
    notBefore: null,
    traceparent: null,
    idempotencyKey: null,
    contentType: 'audio/x-odd',
    sizeBytes: bytes.length,
    sha256: null,
    ...fields,
  }
}

/** Offers a recording and sends it whole. */
async function sendAll(ports: FakePorts, bytes: Uint8Array): Promise<Job> {
  const { job, urls, plan, headers } = await offerUpload(ports, LIMITS, requestOf(bytes))
  for (const [index, url] of urls.entries()) {
    const part = bytes.subarray(index * plan.partSizeBytes, (index + 1) * plan.partSizeBytes)
    assert.equal((await ports.directUploads.send(url, part, headers)).status, 200)
  }
  return job
}

const keysIn = ({ objects }: FakePorts) => [...objects.objects.keys()]

test('ETags that the client does not know are asked of the store', async () => {
  const ports = createFakePorts()
  const job = await sendAll(ports, LONG)
  const stored = await completeUpload(ports, LIMITS, job)
  assert.deepEqual([stored.status, stored.sizeBytes, stored.contentType], ['stored', LONG.length, 'audio/wav'])
  assert.deepEqual([keysIn(ports), ports.directUploads.openUploads()], [[stored.objectKey], []])
  assert.deepEqual(publishedSteps(ports, job), ['uploading 0', 'stored 25'])
})

test('only the parts that have not arrived are signed again', async () => {
  const ports = createFakePorts()
  const { job, urls, plan } = await offerUpload(ports, LIMITS, requestOf(LONG))
  await ports.directUploads.send(urls[0] ?? '', LONG.subarray(0, plan.partSizeBytes))
  assert.deepEqual((await resumeUpload(ports, job)).parts, [2])
  await assert.rejects(resumeUpload(ports, job, [3]), { code: 'request-invalid' })
})

test('a completion that broke off at any of its steps is made good by the next', async () => {
  const steps = [
    ['directUploads', 'join'],
    ['objects', 'head'],
    ['objects', 'get'],
    ['objects', 'put'],
    ['jobs', 'advance'],
  ] as const
  for (const [port, method] of steps) {
    for (const when of ['before', 'after'] as const) {
      const ports = createFakePorts()
      const job = await sendAll(ports, LONG)
      const broken = breaking(ports, port, method, when)
      await completeUpload(broken, LIMITS, job).catch((error: AppError) => assert.equal(error.retry, 'later'))
      const row = (await ports.jobs.find(job.jobId)) ?? assert.fail()
      const stored = await completeUpload(ports, LIMITS, row)
      assert.equal(stored.status, 'stored', `${port}.${method} ${when}`)
      assert.ok(ports.objects.objects.get(stored.objectKey)?.bytes.equals(LONG), `${port}.${method} ${when}`)
    }
  }
})

test('an upload that nobody completes ends at its deadline: no parts, no object, no copy', async () => {
  for (const bytes of [WAV, LONG]) {
    let passedMs = 0
    const ports = createFakePorts({ now: () => Date.now() + passedMs })
    const job = await sendAll(ports, bytes)
    await completeUpload(breaking(ports, 'jobs', 'advance', 'before'), LIMITS, job).catch(() => {})
    const open = await offerUpload(ports, LIMITS, requestOf(LONG))
    passedMs = 3_601_000
    await reconcile(ports, RULES)
    const rows = await ports.jobs.findMany([job.jobId, open.job.jobId])
    assert.deepEqual(
      rows.map(({ error }) => error?.code),
      ['upload-expired', 'upload-expired'],
    )
    assert.deepEqual([keysIn(ports), ports.directUploads.openUploads()], [[], []])
  }
})

test('an upload that ends while it is checked keeps nothing, and says how it ended', async () => {
  const ports = createFakePorts()
  const job = await sendAll(ports, WAV)
  const put: typeof ports.objects.put = async (key, body, options) => {
    await ports.objects.put(key, body, options)
    await ports.jobs.advance([{ jobId: job.jobId, attempt: 1, to: 'cancelled' }])
  }
  const racing = { ...ports, objects: { ...ports.objects, put } }
  await assert.rejects(completeUpload(racing, LIMITS, job), { code: 'job-cancelled' })
  assert.ok(keysIn(ports).every((key) => key.startsWith('uploads/')))
})

test('what is overwritten between two completions at once is never mixed: one recording is kept, whole', async () => {
  const ports = createFakePorts()
  const other = toneWav({ seconds: 0.1, fromHz: 300 })
  const { job, urls, headers } = await offerUpload(ports, LIMITS, requestOf(WAV))
  await ports.directUploads.send(urls[0] ?? '', WAV, headers)
  const first = completeUpload(ports, LIMITS, job)
  await ports.directUploads.send(urls[0] ?? '', other, headers)
  const [a, b] = await Promise.all([first, completeUpload(ports, LIMITS, job)])
  assert.deepEqual([a.objectKey, a.sha256], [b.objectKey, b.sha256])
  const kept = ports.objects.objects.get(a.objectKey)?.bytes ?? assert.fail('nothing kept')
  assert.ok(kept.equals(WAV) || kept.equals(other))
  assert.deepEqual(keysIn(ports), [a.objectKey])
})

/** Ports of which one method fails once, as a crash or an outage does: with its effect or without. */
function breaking(
  ports: FakePorts,
  port: 'directUploads' | 'objects' | 'jobs',
  method: string,
  when: 'before' | 'after',
): FakePorts {
  const real = ports[port] as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
  const failing = async (...args: unknown[]) => {
    if (when === 'after') await real[method]?.(...args)
    throw new AppError('storage-unavailable', 'broken off')
  }
  return { ...ports, [port]: { ...ports[port], [method]: failing } }
}
