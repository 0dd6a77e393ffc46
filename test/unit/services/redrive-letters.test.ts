import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Job } from '../../../src/domain/job.ts'
import { purgeJobs } from '../../../src/services/purge-jobs.ts'
import { type RedriveOrder, redriveLetters } from '../../../src/services/redrive-letters.ts'
import { newLetter } from '../../contracts/dead-letter-store.ts'
import { addJob, createFakePorts, type FakePorts } from '../../support/fake-ports.ts'

const ORDER: RedriveOrder = { filter: {}, limit: 100, dryRun: false, by: 'ops' }

/** A job that a letter has ended. */
async function buried(ports: FakePorts): Promise<Job> {
  const job = await addJob(ports, 'failed')
  const { jobId, owner } = job
  await ports.deadLetters.keep(newLetter({ jobId, owner, attempt: 1, stage: 'analysing', code: 'analysis-abandoned' }))
  return job
}
const states = ({ deadLetters }: FakePorts) => [...deadLetters.rows.values()].map(({ state }) => state)

test('a letter that ended an attempt starts the next one, and is resolved', async () => {
  const ports = createFakePorts()
  const job = await buried(ports)
  const { outcomes, next } = await redriveLetters(ports, ORDER)
  assert.deepEqual(
    outcomes.map(({ jobId, outcome, attempt }) => [jobId, outcome, attempt]),
    [[job.jobId, 'redriven', 2]],
  )
  assert.equal(next, undefined)
  const row = await ports.jobs.find(job.jobId)
  assert.deepEqual([row?.status, row?.attempt], ['queued', 2])
  const [letter] = [...ports.deadLetters.rows.values()]
  assert.deepEqual([letter?.state, letter?.redrivenAttempt, letter?.resolvedBy], ['redriven', 2, 'ops'])
})

test('a dry run says the same and does nothing', async () => {
  const ports = createFakePorts()
  const job = await buried(ports)
  await ports.deadLetters.keep(newLetter())
  const { outcomes } = await redriveLetters(ports, { ...ORDER, dryRun: true })
  assert.deepEqual(outcomes.map(({ outcome, attempt }) => [outcome, attempt]).toSorted(), [
    ['possible', null],
    ['possible', 2],
  ])
  assert.equal((await ports.jobs.find(job.jobId))?.status, 'failed')
  assert.deepEqual([ports.analysisQueue.sent, states(ports)], [[], ['open', 'open']])
})

test('killed between the effect and the letter, the repeat resolves it and starts no further attempt', async () => {
  const ports = createFakePorts()
  const job = await buried(ports)
  const resolve = () => Promise.reject(new Error('killed'))
  const dying = { ...ports, deadLetters: { ...ports.deadLetters, resolve } }
  await redriveLetters(dying, ORDER)
  assert.deepEqual(states(ports), ['open'])
  const { outcomes } = await redriveLetters(ports, ORDER)
  assert.deepEqual([outcomes[0]?.outcome, outcomes[0]?.attempt], ['redriven', 2])
  assert.equal((await ports.jobs.find(job.jobId))?.attempt, 2)
  assert.deepEqual(states(ports), ['redriven'])
})

test('of two that redrive a letter at once neither is refused, and one attempt begins', async () => {
  const ports = createFakePorts()
  const job = await buried(ports)
  const both = await Promise.all([redriveLetters(ports, ORDER), redriveLetters(ports, { ...ORDER, by: 'other' })])
  assert.deepEqual(
    both.flatMap(({ outcomes }) => outcomes.map(({ outcome, attempt }) => [outcome, attempt])),
    Array(2).fill(['redriven', 2]),
  )
  assert.equal((await ports.jobs.find(job.jobId))?.attempt, 2)
  assert.deepEqual(states(ports), ['redriven'])
})

test('a letter of no job is sent to its own queue again, as it came', async () => {
  const ports = createFakePorts()
  const bodies = { analysis: 'not JSON {', results: '{"version":2}' }
  await ports.deadLetters.keep(newLetter({ source: 'analysis', body: bodies.analysis }))
  await ports.deadLetters.keep(newLetter({ source: 'results', body: bodies.results, owner: 'acme' }))
  await redriveLetters(ports, ORDER)
  assert.deepEqual(ports.analysisQueue.sent, [{ body: bodies.analysis, groupId: 'unknown' }])
  assert.deepEqual(ports.resultQueue.sent, [{ body: bodies.results, groupId: 'acme' }])
  assert.deepEqual(states(ports), ['redriven', 'redriven'])
})

test('what is not possible is told for each letter, which stays open, and holds up no other', async () => {
  const ports = createFakePorts()
  const [gone, good] = [await buried(ports), await buried(ports)]
  await ports.objects.delete(gone.objectKey)
  await ports.deadLetters.keep(newLetter({ source: 'forward', jobId: gone.jobId }))
  await ports.deadLetters.keep(newLetter({ jobId: crypto.randomUUID(), attempt: 1, stage: 'queued' }))
  ports.analysisQueue.setDown(true)
  await ports.deadLetters.keep(newLetter())
  const { outcomes } = await redriveLetters(ports, ORDER)
  const refused = outcomes.filter(({ outcome }) => outcome === 'refused')
  assert.deepEqual(refused.map(({ code }) => code).toSorted(), [
    ...['job-not-found', 'job-not-found', 'object-not-found', 'queue-unavailable'],
  ])
  assert.ok(refused.every(({ detail }) => (detail ?? '').length > 0))
  assert.equal((await ports.jobs.find(good.jobId))?.attempt, 2)
  assert.equal(states(ports).filter((state) => state === 'open').length, 4)
})

test('pages and the time given are kept to, and the next one goes on after the last letter looked at', async () => {
  const ports = createFakePorts()
  for (let i = 0; i < 5; i += 1) await buried(ports)
  const first = await redriveLetters(ports, { ...ORDER, limit: 2 })
  assert.equal(first.outcomes.length, 2)
  const second = await redriveLetters(ports, { ...ORDER, after: first.next!, budgetMs: 0 })
  assert.equal(second.outcomes.length, 1)
  const last = await redriveLetters(ports, { ...ORDER, after: second.next! })
  assert.deepEqual([last.outcomes.length, last.next], [2, undefined])
})

test('a rate is kept to', async () => {
  const ports = createFakePorts()
  for (let i = 0; i < 4; i += 1) await buried(ports)
  const startedAt = performance.now()
  await redriveLetters(ports, { ...ORDER, ratePerS: 50 })
  assert.ok(performance.now() - startedAt >= 55)
})

test('retention takes letters that were resolved long ago, and open ones stay', async () => {
  const ports = createFakePorts()
  await ports.deadLetters.keep(newLetter({ settled: 'over' }))
  await ports.deadLetters.keep(newLetter())
  for (const letterId of ports.deadLetters.rows.keys()) await ports.deadLetters.age(letterId, 31 * 86_400)
  await purgeJobs(ports, { retentionDays: 0 })
  assert.equal(states(ports).length, 2)
  await purgeJobs(ports, { retentionDays: 30 })
  assert.deepEqual(states(ports), ['open'])
})
