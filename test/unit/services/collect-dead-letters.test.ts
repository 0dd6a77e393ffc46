import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../../src/domain/errors.ts'
import type { Job } from '../../../src/domain/job.ts'
import type { Letter } from '../../../src/ports/dead-letters.ts'
import {
  buryingForwards,
  collectDeadAnswer,
  collectDeadLetters,
  collectDeadOrder,
} from '../../../src/services/collect-dead-letters.ts'
import { changeTo } from '../../contracts/job-store-suite.ts'
import { addJob, createFakePorts, type FakePorts, publishedSteps } from '../../support/fake-ports.ts'
import { makeJob } from '../../support/jobs.ts'

const dead = (body: string, messageId = 'm-1', receiveCount = 1) => ({ body, messageId, receiveCount })
const orderOf = (ports: FakePorts, job: Job, fields: object = {}): string =>
  JSON.stringify({
    ...{ version: 1, job_id: job.jobId, attempt: job.attempt, owner: job.owner, token_id: null },
    ...{ s3_audio_url: ports.objects.urlOf(job.objectKey), s3_textgrid_url: null, s3_pitch_url: null },
    ...{ callback_url: null, ...fields },
  })
const answerOf = (job: Pick<Job, 'jobId'>, fields: object): string =>
  JSON.stringify({ version: 1, job_id: job.jobId, attempt: 1, ...fields })
const COMPLETED = { type: 'completed', result: { version: 1 } }
const lettersOf = ({ deadLetters }: FakePorts): Letter[] => [...deadLetters.rows.values()]
const rowOf = async ({ jobs }: FakePorts, { jobId }: Job): Promise<Job> => (await jobs.find(jobId))!

test('an order that never ended is kept, and its job ends as failed, with the stage, where its owner sees it', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'analysing')
  await collectDeadOrder(ports, dead(orderOf(ports, job), 'm-1', 6))
  const { status, error } = await rowOf(ports, job)
  assert.deepEqual(
    [status, error?.code, error?.stage, error?.retryable],
    ['failed', 'analysis-abandoned', 'analysing', true],
  )
  assert.match(error?.detail ?? '', /handed out 5 times/)
  assert.deepEqual(publishedSteps(ports, job), ['failed 65'])
  const [letter, ...more] = lettersOf(ports)
  assert.deepEqual(more, [])
  assert.deepEqual(
    [letter?.source, letter?.code, letter?.stage, letter?.jobId, letter?.attempt, letter?.owner, letter?.state],
    ['analysis', 'analysis-abandoned', 'analysing', job.jobId, 1, 'acme', 'open'],
  )
  assert.deepEqual([letter?.body, letter?.receiveCount], [orderOf(ports, job), 6])
})

test('an order outside its owner’s place, or of no known shape, ends the attempt it names as invalid', async () => {
  for (const fields of [{ s3_audio_url: 's3://fake-bucket/audio/other/x.wav' }, { s3_audio_url: 7 }]) {
    const ports = createFakePorts()
    const job = await addJob(ports, 'forwarded')
    await collectDeadOrder(ports, dead(orderOf(ports, job, fields)))
    const { status, error } = await rowOf(ports, job)
    assert.deepEqual([status, error?.code, error?.stage], ['failed', 'message-invalid', 'forwarded'])
    assert.equal(lettersOf(ports)[0]?.code, 'message-invalid')
  }
})

test('what is not JSON, of another version or of no job of ours is kept and touches no job', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'analysing')
  const before = await rowOf(ports, job)
  const poison = [
    ...['not JSON {{{', '', 'null', '[]', '['.repeat(100_000), '{"version":1}', '\u0000\ud800'],
    ...[orderOf(ports, job, { version: 2 }), orderOf(ports, makeJob()), orderOf(ports, job, { attempt: 'one' })],
    orderOf(ports, job, { attempt: 2 ** 40 }),
  ]
  for (const [i, body] of poison.entries()) {
    await collectDeadOrder(ports, dead(body, `order-${i}`))
    await collectDeadAnswer(ports, dead(body, `answer-${i}`))
  }
  assert.equal(lettersOf(ports).length, 2 * poison.length)
  assert.ok(lettersOf(ports).every(({ stage, state }) => stage === null && state === 'open'))
  assert.deepEqual(await rowOf(ports, job), before)
  assert.deepEqual(
    lettersOf(ports).filter(({ owner }) => owner === job.owner).length,
    8,
    'those that name an owner, or a job of one',
  )
})

test('a letter never changes a job that has ended, nor another attempt; an order is kept as settled', async () => {
  for (const status of ['completed', 'cancelled', 'failed'] as const) {
    const ports = createFakePorts()
    const job = await addJob(ports, status)
    const bad = { type: 'completed', result_s3_url: 's3://fake-bucket/results/other/1.json' }
    await collectDeadOrder(ports, dead(orderOf(ports, job)))
    for (const fields of [COMPLETED, bad]) await collectDeadAnswer(ports, dead(answerOf(job, fields)))
    assert.deepEqual(await rowOf(ports, job), job)
    assert.deepEqual(
      lettersOf(ports).map(({ source, state }) => [source, state]),
      [['analysis', 'discarded']],
    )
  }
  const ports = createFakePorts()
  const { jobId } = await addJob(ports, 'failed')
  const { job } = await ports.jobs.restart(jobId, 1)
  await collectDeadOrder(ports, dead(orderOf(ports, { ...job!, attempt: 1 })))
  await collectDeadAnswer(ports, dead(answerOf(job!, { ...COMPLETED, result_s3_url: 's3://x/y' })))
  assert.deepEqual(await rowOf(ports, job!), job)
})

test('an answer is first applied once more; when that works nothing is kept but a count', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'analysing')
  for (let i = 0; i < 2; i += 1) await collectDeadAnswer(ports, dead(answerOf(job, COMPLETED)))
  assert.equal((await rowOf(ports, job)).status, 'completed')
  assert.deepEqual(publishedSteps(ports, job), ['completed 100'])
  assert.deepEqual(lettersOf(ports), [])
  assert.equal(ports.metrics.counted('dead_letters', { source: 'results', outcome: 'applied' }), 2)
})

test('an answer that can never be applied is kept, and ends its job', async () => {
  for (const fields of [
    { type: 'completed', result_s3_url: 's3://fake-bucket/results/other/1.json' },
    { type: 'done' },
  ]) {
    const ports = createFakePorts()
    const job = await addJob(ports, 'analysing')
    await collectDeadAnswer(ports, dead(answerOf(job, fields)))
    const { status, error } = await rowOf(ports, job)
    assert.deepEqual([status, error?.code, error?.stage], ['failed', 'message-invalid', 'analysing'])
    assert.deepEqual(
      lettersOf(ports).map(({ source, stage, owner }) => [source, stage, owner]),
      [['results', 'analysing', 'acme']],
    )
  }
})

test('an answer that fails by an outage is thrown, and nothing is kept', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'analysing')
  ports.jobs.setDown(true)
  await assert.rejects(collectDeadAnswer(ports, dead(answerOf(job, COMPLETED))), { code: 'database-unavailable' })
  assert.deepEqual(lettersOf(ports), [])
})

test('while the copy cannot be committed nothing moves, and the letter stays in its queue until it can', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'analysing')
  ports.deadLetters.setDown(true)
  let tries = 0
  const jobs = {
    ...ports.jobs,
    // The probe: at its third time the table can be written.
    check: async () => {
      tries += 1
      if (tries >= 3) ports.deadLetters.setDown(false)
      if (tries < 3) throw new AppError('database-unavailable', 'away')
      assert.equal((await rowOf(ports, job)).status, 'analysing')
    },
  }
  await ports.analysisDeadQueue.send([{ body: orderOf(ports, job), groupId: 'acme' }])
  const stop = new AbortController()
  const collecting = collectDeadLetters({ ...ports, jobs }, { signal: stop.signal })
  await ports.log.until('job ended by a dead letter')
  stop.abort()
  await collecting
  assert.equal(lettersOf(ports).length, 1)
  assert.deepEqual(await ports.analysisDeadQueue.depth(), { visible: 0, inFlight: 0, dead: 0 })
})

const KILLED = new Error('killed')
const steps = ['keep', 'advance', 'publish'] as const
for (const [when, order] of steps.flatMap((step) => [[step, 'before'] as const, [step, 'after'] as const])) {
  test(`killed ${order} ${when}, the repeat leaves one letter, one end and one event`, async () => {
    const ports = createFakePorts()
    const job = await addJob(ports, 'analysing')
    const dying = killing(ports, when, order)
    // Publishing never fails its caller: there the kill is that nobody comes to delete the message.
    await collectDeadOrder(dying, dead(orderOf(ports, job))).catch((error) => assert.equal(error, KILLED))
    await collectDeadOrder(ports, dead(orderOf(ports, job), 'm-1', 2))
    const [letter, ...more] = lettersOf(ports)
    assert.deepEqual([letter?.state, letter?.stage, more], ['open', 'analysing', []])
    const kept = when !== 'keep' || order === 'after'
    assert.equal(letter?.receiveCount, 2, kept ? 'raised' : 'as received')
    assert.equal((await rowOf(ports, job)).status, 'failed')
    assert.deepEqual(publishedSteps(ports, job), ['failed 65'])
  })
}

function killing(ports: FakePorts, step: (typeof steps)[number], order: 'before' | 'after'): FakePorts {
  const dying =
    <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (order === 'after') await work(...args)
      throw KILLED
    }
  if (step === 'keep') return { ...ports, deadLetters: { ...ports.deadLetters, keep: dying(ports.deadLetters.keep) } }
  if (step === 'advance') return { ...ports, jobs: { ...ports.jobs, advance: dying(ports.jobs.advance) } }
  return { ...ports, progress: { ...ports.progress, publish: dying(ports.progress.publish) } }
}

test('a repeat of an answer that ended its job raises its letter, and keeps no second', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'analysing')
  for (const receiveCount of [1, 2]) {
    await collectDeadAnswer(ports, dead(answerOf(job, { type: 'done' }), 'm-1', receiveCount))
  }
  assert.deepEqual(
    lettersOf(ports).map(({ receiveCount, state }) => [receiveCount, state]),
    [[2, 'open']],
  )
})

test('a final error of forwarding is kept as a letter and ends its job; any other is thrown for a further try', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'queued')
  const { jobId, attempt, priority, notBefore, owner } = job
  const entry = { jobId, attempt, priority, notBefore, owner }
  const failing = (error: AppError) => buryingForwards(ports, () => Promise.reject(error))(entry)
  await assert.rejects(failing(new AppError('queue-unavailable', 'away')), { code: 'queue-unavailable' })
  assert.deepEqual(lettersOf(ports), [])
  for (let i = 0; i < 2; i += 1) await failing(new AppError('message-invalid', 'SQS takes no such message'))
  const { status, error } = await rowOf(ports, job)
  assert.deepEqual([status, error?.code, error?.stage], ['failed', 'message-invalid', 'queued'])
  assert.deepEqual(
    lettersOf(ports).map(({ source, stage, receiveCount }) => [source, stage, receiveCount]),
    [['forward', 'queued', 2]],
  )
})

test('both queues are collected by two instances at once, each letter once', async () => {
  const ports = createFakePorts()
  const jobs = await Promise.all(Array.from({ length: 10 }, () => addJob(ports, 'analysing')))
  const group = { groupId: 'acme' }
  await ports.analysisDeadQueue.send(jobs.map((job) => ({ body: orderOf(ports, job), ...group })))
  await ports.resultDeadQueue.send(jobs.map((_, i) => ({ body: `poison ${i}`, ...group })))
  const stop = new AbortController()
  const both = [1, 2].map(() => collectDeadLetters(ports, { signal: stop.signal }))
  while (lettersOf(ports).length < 20) await ports.log.until('dead letter kept').then(() => new Promise(setImmediate))
  stop.abort()
  await Promise.all(both)
  for (const job of jobs) assert.equal((await rowOf(ports, job)).status, 'failed')
  assert.equal(ports.metrics.counted('dead_letters', { outcome: 'kept' }), 20)
  await ports.jobs.advance([changeTo(jobs[0]!.jobId, 'completed')])
  assert.equal((await rowOf(ports, jobs[0]!)).status, 'failed')
})
