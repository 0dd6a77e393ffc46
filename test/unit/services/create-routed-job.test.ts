import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRoutedJob } from '../../../src/services/create-routed-job.ts'
import { offerUpload } from '../../../src/services/offer-upload.ts'
import { retryJob } from '../../../src/services/retry-job.ts'
import { changeTo, newJob } from '../../contracts/job-store-suite.ts'
import { createFakePorts } from '../../support/fake-ports.ts'

const DIRECT = { route: 'direct', reason: 'percentage', flagVersion: 4 } as const
const QUEUE = { route: 'queue', reason: 'forced', flagVersion: null } as const

test('a new row has its route, why, and by which version, and is counted', async () => {
  const ports = createFakePorts()
  ports.router.set(DIRECT)
  const job = await createRoutedJob(ports, newJob({ owner: 'acme' }))
  assert.deepEqual([job.route, job.routeReason, job.flagVersion], ['direct', 'percentage', 4])
  assert.deepEqual(ports.router.asked, ['acme'])
  assert.equal(ports.metrics.counted('routes', { route: 'direct', reason: 'percentage' }), 1)
})

test('a repeat with an idempotency key keeps the route of the row, and is not counted again', async () => {
  const ports = createFakePorts()
  ports.router.set(DIRECT)
  const first = await createRoutedJob(ports, newJob({ idempotencyKey: 'once' }))
  ports.router.set(QUEUE)
  const repeat = await createRoutedJob(ports, newJob({ idempotencyKey: 'once' }))
  assert.deepEqual(repeat, first)
  assert.equal(ports.metrics.counted('routes'), 1)
})

test('a retry goes the way of its row, whatever the flag says by then', async () => {
  const ports = createFakePorts()
  ports.router.set(DIRECT)
  const { jobId, objectKey } = await createRoutedJob(ports, newJob({}))
  await ports.objects.putBytes(objectKey, Buffer.from('x'), 'audio/wav')
  const error = { code: 'analysis-failed', detail: 'It failed', retryable: true }
  const [failed] = await ports.jobs.advance([changeTo(jobId, 'failed', { error })])
  ports.router.set(QUEUE)
  const retried = await retryJob(ports, failed!.job!)
  assert.deepEqual(
    [retried.attempt, retried.route, retried.routeReason, retried.flagVersion],
    [2, 'direct', 'percentage', 4],
  )
})

test('a recording that is offered for S3 is routed when it is offered', async () => {
  const ports = createFakePorts()
  ports.router.set(DIRECT)
  const { job } = await offerUpload(
    ports,
    { maxUploadBytes: 1e6, directUploadTimeoutS: 60 },
    {
      ...{ owner: 'acme', tokenId: null, filename: null, priority: 'normal', metadata: {}, callbackUrl: null },
      ...{ notBefore: null, traceparent: null, idempotencyKey: null },
      ...{ contentType: 'audio/wav', sizeBytes: 100, sha256: null },
    },
  )
  assert.deepEqual([job.route, job.routeReason, job.flagVersion], ['direct', 'percentage', 4])
})
