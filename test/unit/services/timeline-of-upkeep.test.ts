/** What the reconcile role writes into a job's timeline, row by row. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../../src/domain/errors.ts'
import type { Job } from '../../../src/domain/job.ts'
import { buryingForwards, collectDeadAnswer, collectDeadOrder } from '../../../src/services/collect-dead-letters.ts'
import { deliverCallback } from '../../../src/services/deliver-callbacks.ts'
import { discardLetters } from '../../../src/services/discard-letters.ts'
import { purgeJobs } from '../../../src/services/purge-jobs.ts'
import { reconcile } from '../../../src/services/reconcile.ts'
import { redriveLetters } from '../../../src/services/redrive-letters.ts'
import { sweepObjects } from '../../../src/services/sweep-objects.ts'
import { newLetter } from '../../contracts/dead-letter-store.ts'
import { changeTo } from '../../contracts/job-store-suite.ts'
import { addJob, createFakePorts, type FakePorts } from '../../support/fake-ports.ts'
import { hopsOf } from '../../support/hops.ts'
import { messageFor } from '../../support/orders.ts'

const RULES = { waitingS: 60, inFlightS: 300, maxAgeS: 86_400 }
const DAY_S = 86_400
const ORDER = { filter: {}, by: 'ops' } as const

for (const status of ['stored', 'queued'] as const) {
  test(`a ${status} job that is handed over again is told so, and then what came of it`, async () => {
    const ports = createFakePorts()
    const job = await addJob(ports, status)
    await ports.jobs.age(job.jobId, RULES.waitingS)
    await reconcile(ports, RULES)
    assert.deepEqual(await hopsOf(ports, job), ['reconcile added-again 1', 'dispatch queued 1'])
  })
}

test('a job that cannot be handed over again is told so with the reason', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'stored')
  ports.jobQueue.setDown(true)
  await ports.jobs.age(job.jobId, RULES.waitingS)
  await reconcile(ports, RULES)
  assert.deepEqual(await hopsOf(ports, job), ['reconcile added-again 1', 'dispatch deferred 1 (queue-unavailable)'])
})

for (const status of ['forwarded', 'analysing'] as const) {
  test(`an order of a ${status} job that is sent again is told under the queue’s name of it`, async () => {
    const ports = createFakePorts()
    const job = await addJob(ports, status)
    const names: string[] = []
    const { send } = ports.analysisQueue
    const naming: typeof send = (entries) =>
      send(
        entries.map((entry) => ({
          ...entry,
          onSent(name) {
            names.push(name)
            entry.onSent?.(name)
          },
        })),
      )
    await ports.jobs.age(job.jobId, RULES.inFlightS)
    await reconcile({ ...ports, analysisQueue: { ...ports.analysisQueue, send: naming } }, RULES)
    assert.deepEqual(await hopsOf(ports, job), ['reconcile sent-again 1'])
    const [row] = await ports.timeline.read(job.jobId)
    assert.deepEqual([row?.messageId], names)
  })
}

test('a look of the reconciler that did nothing, or found a queue away, is not told', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'forwarded')
  await ports.resultQueue.send([{ body: 'another', groupId: 'acme' }])
  for (const isDown of [false, true]) {
    ports.analysisQueue.setDown(isDown)
    await ports.jobs.age(job.jobId, RULES.inFlightS)
    await reconcile(ports, RULES)
  }
  assert.deepEqual(await hopsOf(ports, job), [])
})

for (const [status, ageS, code] of [
  ['uploading', 900, 'upload-expired'],
  ['queued', RULES.maxAgeS, 'job-too-old'],
  ['analysing', RULES.maxAgeS, 'job-too-old'],
] as const) {
  test(`a job given up while ${status} is told as ended once, with ${code}`, async () => {
    const ports = createFakePorts()
    const job = await addJob(ports, status, { uploadTimeoutS: 900 })
    await ports.jobs.age(job.jobId, ageS)
    for (let pass = 0; pass < 2; pass += 1) await reconcile(ports, RULES)
    assert.deepEqual(await hopsOf(ports, job), [`reconcile ended 1 (${code})`])
  })
}

test('a job that went on between claim and end is not told as ended', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'queued')
  await ports.jobs.age(job.jobId, RULES.maxAgeS)
  const { findOlderThan } = ports.jobs
  const racing = async (ageS: number, limit: number): Promise<Job[]> => {
    const old = await findOlderThan(ageS, limit)
    await ports.jobs.advance([changeTo(job.jobId, 'completed')])
    return old
  }
  await reconcile({ ...ports, jobs: { ...ports.jobs, findOlderThan: racing } }, RULES)
  assert.deepEqual(await hopsOf(ports, job), [])
})

test('a job whose recording the sweep misses is told as ended, with what is gone', async () => {
  const ports = createFakePorts({ now: () => Date.now() + 2 * DAY_S * 1000 })
  const job = await addJob(ports, 'queued')
  await ports.jobs.age(job.jobId, 3600)
  await ports.objects.delete(job.objectKey)
  await sweepObjects(ports, { intervalS: 3600, graceS: DAY_S })
  assert.deepEqual(await hopsOf(ports, job), ['reconcile ended 1 (object-not-found)'])
})

test('of a purged job only the purge is left, in the attempt it ended in', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'completed')
  ports.timeline.note({ jobId: job.jobId, attempt: 1, hop: 'record', outcome: 'completed' })
  await ports.jobs.age(job.jobId, 31 * DAY_S)
  for (let pass = 0; pass < 2; pass += 1) await purgeJobs(ports, { retentionDays: 30 })
  assert.deepEqual(await hopsOf(ports, job), ['purge purged 1'])
})

const dead = (body: string, receiveCount = 1) => ({ body, messageId: 'm-1', receiveCount })

test('a collected order is told with its code, its message and its receives, and its repeat as one', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'analysing')
  const { body } = messageFor(job)
  for (const receiveCount of [6, 7]) await collectDeadOrder(ports, dead(body, receiveCount))
  assert.deepEqual(await hopsOf(ports, job), [
    'dead-letter kept 1 (analysis-abandoned)',
    'dead-letter repeat 1 (analysis-abandoned)',
  ])
  const rows = await ports.timeline.read(job.jobId)
  assert.deepEqual(
    rows.map(({ messageId, receiveCount }) => [messageId, receiveCount]),
    [
      ['m-1', 6],
      ['m-1', 7],
    ],
  )
})

test('a collected answer is told as one that cannot be recorded and was kept, or as recorded after all', async () => {
  const ports = createFakePorts()
  const [bad, good] = [await addJob(ports, 'analysing'), await addJob(ports, 'analysing')]
  const answer = { version: 1, attempt: 1, type: 'completed' }
  const elsewhere = { ...answer, job_id: bad.jobId, result_s3_url: 's3://fake-bucket/results/other/1.json' }
  await collectDeadAnswer(ports, dead(JSON.stringify(elsewhere)))
  await collectDeadAnswer(ports, dead(JSON.stringify({ ...answer, job_id: good.jobId, result: { version: 1 } })))
  assert.deepEqual(await hopsOf(ports, bad), [
    'record error 1 (message-invalid)',
    'dead-letter kept 1 (message-invalid)',
  ])
  assert.deepEqual(await hopsOf(ports, good), ['record completed 1'])
})

test('a job that cannot be forwarded for good is told as kept with the reason', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'queued')
  await buryingForwards(ports, () => Promise.reject(new AppError('message-invalid', 'too large')))(job)
  assert.deepEqual(await hopsOf(ports, job), ['dead-letter kept 1 (message-invalid)'])
})

/** A failed job whose letter is open. */
async function buried(ports: FakePorts, fields: object = {}): Promise<{ job: Job; letterId: string }> {
  const job = await addJob(ports, 'failed')
  const { jobId, owner } = job
  await ports.deadLetters.keep(newLetter({ jobId, owner, attempt: 1, stage: 'analysing', ...fields }))
  const [letter] = await ports.deadLetters.list({ jobId }, { limit: 1 })
  return { job, letterId: letter!.letterId }
}

test('a redriven letter is told in the attempt that it began, under its own id', async () => {
  const ports = createFakePorts()
  const { job, letterId } = await buried(ports)
  await redriveLetters(ports, { ...ORDER, limit: 10, dryRun: true })
  assert.deepEqual(await hopsOf(ports, job), [])
  await redriveLetters(ports, { ...ORDER, limit: 10, dryRun: false })
  const hops = await hopsOf(ports, job)
  assert.deepEqual(hops.toSorted(), ['dead-letter redriven 2', 'dispatch queued 2', 'retry restarted 2'])
  const redriven = (await ports.timeline.read(job.jobId)).find(({ outcome }) => outcome === 'redriven')
  assert.equal(redriven?.messageId, letterId)
})

test('a discarded letter is told once, in the attempt it had ended; one that only names the job is not', async () => {
  const ports = createFakePorts()
  const { job, letterId } = await buried(ports)
  const { job: named } = await buried(ports, { stage: null })
  const discarded: number[] = []
  for (let i = 0; i < 2; i += 1) discarded.push(await discardLetters(ports, { ...ORDER, reason: 'a test' }))
  assert.deepEqual(discarded, [2, 0])
  assert.deepEqual(await hopsOf(ports, job), ['dead-letter discarded 1'])
  assert.equal((await ports.timeline.read(job.jobId))[0]?.messageId, letterId)
  assert.deepEqual(await hopsOf(ports, named), [])
})

test('a callback is told with what each try came to, under its delivery', async () => {
  let nowMs = Date.UTC(2026, 10, 21)
  const ports = createFakePorts({ now: () => nowMs })
  const job = await addJob(ports, 'completed', { callbackUrl: 'https://client.example/hook' })
  ports.callbackSender.answers.push(
    { kind: 'answered', status: 503, retryAfterS: null },
    { kind: 'failed', sentence: 'The connection to 10.0.0.1 was refused.' },
  )
  const deliver = async () => {
    nowMs += 3_600_000
    const [delivery] = await ports.deliveries.claim({ limit: 1, perOwner: 1, leaseS: 60 })
    await deliverCallback(ports, delivery!, new AbortController().signal)
    return delivery!
  }
  for (let i = 0; i < 2; i += 1) await deliver()
  const { deliveryId } = await deliver()
  assert.deepEqual(await hopsOf(ports, job), [
    ...['callback retry 1 (HTTP 503)', 'callback retry 1 (failed)', 'callback delivered 1 (HTTP 204)'],
  ])
  const ids = (await ports.timeline.read(job.jobId)).map(({ messageId }) => messageId)
  assert.deepEqual(ids, [deliveryId, deliveryId, deliveryId])
})

test('a callback that is refused is told as given up; one that another took meanwhile as superseded', async () => {
  const ports = createFakePorts()
  const [gone, taken] = [
    await addJob(ports, 'completed', { callbackUrl: 'https://client.example/gone' }),
    await addJob(ports, 'completed', { callbackUrl: 'https://client.example/taken' }),
  ]
  const claimed = await ports.deliveries.claim({ limit: 2, perOwner: 2, leaseS: 60 })
  const { record } = ports.deliveries
  for (const delivery of claimed) {
    const isGone = delivery.jobId === gone.jobId
    ports.callbackSender.answers.push({ kind: 'answered', status: isGone ? 410 : 204, retryAfterS: null })
    const deliveries = { ...ports.deliveries, record: isGone ? record : async () => undefined }
    await deliverCallback({ ...ports, deliveries }, delivery, new AbortController().signal)
  }
  assert.deepEqual(await hopsOf(ports, gone), ['callback given_up 1 (HTTP 410)'])
  assert.deepEqual(await hopsOf(ports, taken), ['callback superseded 1 (HTTP 204)'])
})
