import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TimelineView } from '../../src/http/timeline-schemas.ts'
import { newLetter } from '../contracts/dead-letter-store.ts'
import { changeTo } from '../contracts/job-store-suite.ts'
import { startProcess } from '../support/processes.ts'
import { toneWav } from '../support/recordings.ts'
import { getJson, OTHER_KEY, openTestPlaces, startTestSystem, TEST_KEY, uploadRaw } from '../support/system.ts'

const ADMIN_KEY = 'test-key-of-ops'
const { places, env } = await openTestPlaces()
const { database } = places
const BOOTSTRAP_API_KEYS = `acme=${TEST_KEY},other=${OTHER_KEY},ops=${ADMIN_KEY}:admin`
const roles = ['api', 'forward', 'analyse', 'record'] as const
const system = await startTestSystem(roles, places, { ...env, BOOTSTRAP_API_KEYS })

async function upload(query = ''): Promise<string> {
  const response = await uploadRaw(system.url, toneWav({ seconds: 0.2 }), { query })
  assert.equal(response.status, 202)
  return String(((await response.json()) as Record<string, unknown>).job_id)
}

async function timelineOf(jobId: string, key = TEST_KEY): Promise<TimelineView> {
  const { status, body } = await getJson(`${system.url}/v1/jobs/${jobId}/timeline`, key)
  assert.equal(status, 200)
  return body as unknown as TimelineView
}

/** Asks until it has so many hops: each answer comes after one more round through the database. */
async function withHops(jobId: string, count: number): Promise<TimelineView> {
  let timeline = await timelineOf(jobId)
  while (timeline.items.length < count) timeline = await timelineOf(jobId)
  return timeline
}

const stepsOf = ({ items }: TimelineView) => items.map(({ hop, outcome }) => `${hop} ${outcome}`)
const explain = (jobId: string, variables: Record<string, string>) =>
  startProcess(['scripts/jobs.ts', 'explain', jobId], variables)

test('a job’s whole way stands in its timeline, every hop once and in order, to its owner and to admins', async () => {
  const jobId = await upload()
  const timeline = await withHops(jobId, 8)
  assert.deepEqual(stepsOf(timeline), [
    ...['upload received', 'upload stored', 'dispatch queued', 'forward sent'],
    ...['analyse received', 'analyse analysed', 'answer sent', 'record completed'],
  ])
  const [, , , sent, received, , answered, recorded] = timeline.items
  assert.ok(sent?.message_id)
  assert.deepEqual([received?.message_id, received?.receive_count], [sent.message_id, 1])
  assert.deepEqual([recorded?.message_id, recorded?.receive_count], [answered?.message_id, 1])
  assert.equal(timeline.status, 'completed')
  assert.match(timeline.explanation.at(-1) ?? '', /^Next: nothing; the result can be read/)
  assert.deepEqual(await stepsOf(await timelineOf(jobId, ADMIN_KEY)), stepsOf(timeline))
  const { status, body } = await getJson(`${system.url}/v1/jobs/${jobId}/timeline`, OTHER_KEY)
  assert.deepEqual([status, body.code], [404, 'job-not-found'])
})

test('a repeated result and a repeated order are told as repeats', async () => {
  const jobId = await upload()
  await withHops(jobId, 8)
  const { ports } = system
  const answer = { version: 1, type: 'completed', job_id: jobId, attempt: 1, result: {} }
  await ports.resultQueue.send([{ body: JSON.stringify(answer), groupId: 'acme' }])
  await ports.jobQueue.add([(await ports.jobs.find(jobId))!])
  const timeline = await withHops(jobId, 10)
  assert.deepEqual(stepsOf(timeline).slice(8).sort(), ['forward repeat', 'record repeat'])
})

test('npm run jobs -- explain tells a support engineer, through the API and from the database, what a job waits for', async () => {
  const jobId = await upload(`?not_before=${new Date(Date.now() + 3_600_000).toISOString()}`)
  const overHttp = explain(jobId, { TONEWIRE_URL: system.url, TONEWIRE_KEY: ADMIN_KEY })
  assert.deepEqual(await overHttp.ended, { code: 0, signal: null }, overHttp.output())
  for (const sentence of [/^Job .* of acme, .* attempt 1/m, /The recording was stored/, /^Now: queued since/m]) {
    assert.match(overHttp.output(), sentence)
  }
  assert.match(overHttp.output(), /^Next: it is held back until .*\(not_before\).*job-too-old/m)
  if (!('url' in database)) return
  const inDatabase = explain(jobId, { DATABASE_URL: database.url })
  assert.deepEqual(await inDatabase.ended, { code: 0, signal: null }, inDatabase.output())
  assert.match(inDatabase.output(), /^Next: it is held back until/m)
})

test('an open dead letter is told to its job’s owner without what is for operators, and to these with what to do', async () => {
  const jobId = await upload(`?not_before=${new Date(Date.now() + 3_600_000).toISOString()}`)
  const { jobs, deadLetters } = system.ports
  await jobs.advance([changeTo(jobId, 'failed')])
  const ended = { jobId, owner: 'acme', attempt: 1, stage: 'analysing', body: 'a secret payload' } as const
  await deadLetters.keep(newLetter({ ...ended, code: 'analysis-abandoned', detail: 'for operators' }))
  await deadLetters.keep(newLetter({ ...ended, owner: 'other', code: 'claimed-by-another' }))
  await deadLetters.keep(newLetter({ ...ended, code: 'long-decided', settled: 'over' }))
  const [letter] = await deadLetters.list({ jobId, code: 'analysis-abandoned' }, { limit: 1 })
  const toldTo = async (key: string) =>
    (await timelineOf(jobId, key)).explanation.filter((line) => /dead letter/.test(line))
  const what = /^Open dead letter since .* ago: analysis-abandoned \(while analysing, in attempt 1\)/
  const [toOwner = '', ...more] = await toldTo(TEST_KEY)
  assert.match(toOwner, what)
  assert.doesNotMatch(toOwner, /secret|for operators|npm|redrive/)
  assert.deepEqual(more, [])
  const overHttp = explain(jobId, { TONEWIRE_URL: system.url, TONEWIRE_KEY: ADMIN_KEY })
  assert.deepEqual(await overHttp.ended, { code: 0, signal: null }, overHttp.output())
  const outputs = [overHttp.output()]
  if ('url' in database) {
    const inDatabase = explain(jobId, { DATABASE_URL: database.url })
    assert.deepEqual(await inDatabase.ended, { code: 0, signal: null }, inDatabase.output())
    outputs.push(inDatabase.output())
  }
  for (const output of outputs) {
    assert.match(output, new RegExp(`begins attempt 2.*npm run dead-letters -- redrive --id ${letter?.letterId};`))
    assert.doesNotMatch(output, /secret|claimed-by-another|long-decided/)
  }
  await deadLetters.discard({ jobId }, { by: 'ops', reason: 'seen' })
  assert.deepEqual([await toldTo(TEST_KEY), await toldTo(ADMIN_KEY)], [[], []])
})

test('explain says what is wrong with what it was given', async () => {
  const unknown = '019aa7de-6f2b-7c3e-9a55-0c2f6a1b2c3d'
  const none = explain(unknown, { TONEWIRE_URL: system.url, TONEWIRE_KEY: ADMIN_KEY })
  assert.equal((await none.ended).code, 1)
  assert.match(none.output(), /There is no job .* \(job-not-found\)/)
  const wrong = explain('x', { TONEWIRE_URL: system.url, TONEWIRE_KEY: ADMIN_KEY })
  assert.equal((await wrong.ended).code, 2)
  assert.match(wrong.output(), /"x" is not a job_id/)
})
