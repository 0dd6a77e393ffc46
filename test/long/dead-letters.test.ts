import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { createUuidV7 } from '../../src/domain/ids.ts'
import type { Job } from '../../src/domain/job.ts'
import { findQueueUrl } from '../../src/queues/sqs-client.ts'
import { newLetter } from '../contracts/dead-letter-store.ts'
import { changeTo, newJob } from '../contracts/job-store-suite.ts'
import { openEvents } from '../support/events.ts'
import { hopsOf } from '../support/hops.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { startProcess } from '../support/processes.ts'
import { toneWav } from '../support/recordings.ts'
import { openMigrated } from '../support/storage.ts'
import { getJson, openTestPlaces, startTestSystem, TEST_KEY, uploadRaw } from '../support/system.ts'

const ADMIN_KEY = 'test-key-of-ops'
const { places, env, aws, redis } = await openTestPlaces()
const sqs = new SQSClient(aws.client)
after(() => sqs.destroy())
const BOOTSTRAP_API_KEYS = `acme=${TEST_KEY},ops=${ADMIN_KEY}:admin`
const system = await startTestSystem(['api', 'analyse', 'record', 'reconcile'], places, { ...env, BOOTSTRAP_API_KEYS })
const { jobs, deadLetters } = system.ports
const path = '/v1/admin/dead-letters'

async function call(method: string, route: string, body?: object, key = ADMIN_KEY) {
  const headers = { authorization: `Bearer ${key}`, ...(body && { 'content-type': 'application/json' }) }
  const init = { method, headers, ...(body && { body: JSON.stringify(body) }) }
  const response = await fetch(`${system.url}${route}`, init)
  // biome-ignore lint/suspicious/noExplicitAny: whatever the API answers, looked at field by field
  return { status: response.status, body: (await response.json()) as any }
}

async function upload(): Promise<Job> {
  const response = await uploadRaw(system.url, toneWav({ seconds: 0.1 }))
  const { job_id: jobId } = (await response.json()) as { job_id: string }
  return (await jobs.find(jobId))!
}

async function send(queue: string, body: string): Promise<string> {
  const QueueUrl = await findQueueUrl(sqs, queue)
  const { MessageId = '' } = await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body }))
  return MessageId
}

/** The letter of a message, once it is kept. */
async function letterOf(messageId: string) {
  for (;;) {
    const letters = await deadLetters.list({}, { limit: 1000 })
    const letter = letters.find((each) => each.messageId === messageId)
    if (letter !== undefined) return letter
    await new Promise(setImmediate)
  }
}

/** What became of a job's letters by its timeline, once that tells of so many steps. */
async function letterHops(jobId: string, count: number): Promise<string[]> {
  for (;;) {
    const hops = (await hopsOf(system.ports, { jobId })).filter((hop) => hop.startsWith('dead-letter'))
    if (hops.length >= count) return hops
  }
}

/** A letter of a job that it has ended, made in the stores. */
async function buried(fields: object = {}): Promise<{ job: Job; letterId: string }> {
  const { jobId, owner } = await upload()
  const [ended] = await jobs.advance([changeTo(jobId, 'failed')])
  const letter = newLetter({ jobId, owner, attempt: 1, stage: 'analysing', code: 'analysis-abandoned', ...fields })
  await deadLetters.keep(letter)
  return { job: ended!.job!, letterId: (await letterOf(letter.messageId)).letterId }
}

test('poison goes through the real dead-letter queues into the table, and touches no job', async () => {
  const sent = [
    await send('audio-analysis-queue', 'this is not JSON {{{'),
    await send('analysis-results-queue', '{"version":2,"type":"completed"}'),
    await send(
      'analysis-results-queue',
      JSON.stringify({ version: 1, type: 'progress', job_id: createUuidV7(1), attempt: 1, progress: 70 }),
    ),
  ]
  const letters = await Promise.all(sent.map(letterOf))
  assert.deepEqual(
    letters.map(({ source, code, stage, state }) => [source, code, stage, state]),
    [
      ['analysis', 'message-invalid', null, 'open'],
      ['results', 'message-invalid', null, 'open'],
      ['results', 'job-not-found', null, 'open'],
    ],
  )
  assert.equal(letters[0]?.excerpt, 'this is not JSON {{{')
  assert.ok((letters[0]?.receiveCount ?? 0) >= 1)
})

test('an answer that can never be applied ends its job, which its owner sees on the stream; redriven, it begins anew', async () => {
  const job = await upload()
  const stream = await openEvents(`${system.url}/v1/jobs/${job.jobId}/events`, TEST_KEY)
  const answer = { version: 1, job_id: job.jobId, attempt: 1, type: 'completed', result_s3_url: 's3://elsewhere/x' }
  const messageId = await send('analysis-results-queue', JSON.stringify(answer))
  const { data } = await stream.waitFor(({ data }) => data.status === 'failed')
  assert.deepEqual([(data.error as { code: string }).code, data.attempt], ['message-invalid', 1])
  await stream.ended
  const { letterId, stage } = await letterOf(messageId)
  const { body: row } = await getJson(`${system.url}/v1/jobs/${job.jobId}`)
  assert.deepEqual((row.error as { stage: string }).stage, stage)
  const { body } = await call('POST', `${path}/redrive`, { filter: { letter_id: letterId } })
  assert.deepEqual(body.items, [
    { letter_id: letterId, job_id: job.jobId, outcome: 'redriven', attempt: 2, code: null, detail: null },
  ])
  assert.equal((await jobs.find(job.jobId))?.attempt, 2)
  assert.equal((await call('GET', `${path}/${letterId}`)).body.redriven_attempt, 2)
  await jobs.advance([{ jobId: job.jobId, attempt: 2, to: 'cancelled' }])
  const steps = await letterHops(job.jobId, 2)
  assert.deepEqual(steps, ['dead-letter kept 1 (message-invalid)', 'dead-letter redriven 2'])
})

test('a letter is read with its payload and its job; a list has neither, page by page, as filtered', async () => {
  const owner = 'lists'
  const kept = await Promise.all([1, 2, 3].map((i) => buried({ owner, body: `payload ${i}`, code: 'job-not-found' })))
  const { body: letter } = await call('GET', `${path}/${kept[0]!.letterId.toUpperCase()}`)
  assert.deepEqual([letter.body, letter.job], ['payload 1', { status: 'failed', attempt: 1 }])
  const first = await call('GET', `${path}?owner=${owner}&limit=2`)
  const rest = await call('GET', `${path}?owner=${owner}&limit=2&cursor=${first.body.next_cursor}`)
  const ids = [...first.body.items, ...rest.body.items].map(({ letter_id }: { letter_id: string }) => letter_id)
  assert.deepEqual([new Set(ids).size, rest.body.next_cursor], [3, null])
  assert.ok(!('body' in first.body.items[0]))
  const query = `${path}?owner=${owner}&source=analysis&stage=analysing&state=open&job_id=${kept[1]!.job.jobId}`
  const one = await call('GET', `${query}&since=2026-01-01T00:00:00Z`)
  assert.deepEqual(
    one.body.items.map(({ letter_id }: { letter_id: string }) => letter_id),
    [kept[1]!.letterId],
  )
  const { body: groups } = await call('GET', `${path}?owner=${owner}&group_by=code,stage`)
  assert.deepEqual(
    groups.groups.map(({ code, stage, count }: Record<string, unknown>) => [code, stage, count]),
    [['job-not-found', 'analysing', 3]],
  )
  assert.equal((await call('GET', `${path}/${createUuidV7(1)}`)).body.code, 'letter-not-found')
})

test('a filter that says nothing, or something unknown, is refused: nobody redrives everything by mistake', async () => {
  const wrong: [object, RegExp][] = [
    [{ filter: {} }, /"all": true/],
    [{}, /filter/],
    [{ filter: { sorce: 'analysis' } }, /sorce|properties/],
    [{ filter: { all: false } }, /all/],
    [{ filter: { all: true, code: 'x' } }, /all/],
    [{ filter: { all: true }, limit: 101 }, /limit/],
    [{ filter: { all: true }, cursor: 'abc' }, /cursor/],
  ]
  for (const [body, named] of wrong) {
    for (const [route, more] of [
      ['redrive', {}],
      ['discard', { reason: 'x' }],
    ] as const) {
      const answer = await call('POST', `${path}/${route}`, { ...body, ...more })
      assert.deepEqual([answer.status, answer.body.code], [400, 'request-invalid'], JSON.stringify(body))
      if (route === 'redrive') assert.match(answer.body.detail, named)
    }
  }
})

test('letters are discarded with a reason; a dry run of either only says how many', async () => {
  const owner = 'discards'
  const { job, letterId } = await buried({ owner })
  const filter = { owner }
  const dry = await call('POST', `${path}/redrive`, { filter, dry_run: true })
  assert.deepEqual([dry.body.dry_run, dry.body.items[0].outcome, dry.body.items[0].attempt], [true, 'possible', 2])
  const asked = await call('POST', `${path}/discard`, { filter, reason: 'a test', dry_run: true })
  assert.deepEqual(asked.body, { dry_run: true, discarded: 1 })
  assert.equal((await call('POST', `${path}/discard`, { filter, reason: 'a test' })).body.discarded, 1)
  const { body } = await call('GET', `${path}/${letterId}`)
  assert.deepEqual([body.state, body.reason, body.resolved_by], ['discarded', 'a test', 'ops'])
  assert.equal((await jobs.find(job.jobId))?.attempt, 1)
  assert.deepEqual(await letterHops(job.jobId, 1), ['dead-letter discarded 1'])
})

test('the figures say how many letters are open, and where they came from', async () => {
  await buried({ code: 'analysis-abandoned' })
  const text = await (await fetch(`${system.url}/metrics`)).text()
  assert.match(text, /tonewire_dead_letters_open\{source="analysis",code="analysis-abandoned"\} [1-9]/)
  assert.match(text, /tonewire_dead_letters_total\{source="results",outcome="kept"\} [1-9]/)
})

test('the deletion of an owner takes the owner’s letters too', async () => {
  const owner = 'leaving'
  await jobs.create(newJob({ owner }))
  await deadLetters.keep(newLetter({ owner }))
  assert.equal((await call('DELETE', `/v1/admin/owners/${owner}`)).status, 202)
  for (let left = 1; left > 0; ) left = (await deadLetters.list({ owner }, { limit: 1 })).length
})

async function run(args: readonly string[], environment: Record<string, string> = {}) {
  const child = startProcess(['scripts/dead-letters.ts', ...args], {
    ...{ TONEWIRE_URL: system.url, TONEWIRE_KEY: ADMIN_KEY },
    ...environment,
  })
  const { code } = await child.ended
  return { code, output: child.output() }
}

test('npm run dead-letters lists, groups, explains, redrives and discards by a running API', async () => {
  const owner = 'by-hand'
  const { job, letterId } = await buried({ owner })
  const { letterId: other } = await buried({ owner, body: 'the payload' })
  const [listed, groups, explained, dry] = await Promise.all([
    run(['list', '--owner', owner]),
    run(['list', '--owner', owner, '--group-by', 'code,stage']),
    run(['explain', other]),
    run(['redrive', '--owner', owner, '--dry-run']),
  ])
  assert.match(
    listed.output,
    new RegExp(`${letterId}  .*  analysis  analysis-abandoned  analysing  open  ${job.jobId}`),
  )
  assert.match(groups.output, /^ +2 {2}analysis-abandoned {2}analysing/)
  assert.match(explained.output, /Is now +failed, in attempt 1[\s\S]*starts attempt 2[\s\S]*the payload/)
  assert.match(dry.output, /^2 can be redriven, 0 refused/)
  const redriven = await run(['redrive', '--id', letterId, '--rate', '50', '--json'])
  assert.equal(JSON.parse(redriven.output)[0].outcome, 'redriven', redriven.output)
  assert.equal((await jobs.find(job.jobId))?.attempt, 2)
  assert.match((await run(['discard', '--owner', owner, '--reason', 'done by hand'])).output, /^1 discarded/)
  assert.match((await run(['list', '--owner', owner])).output, /no dead letters/)
})

test('npm run dead-letters says in a sentence what cannot be asked', async () => {
  const cases: [string[], Record<string, string>, number, RegExp][] = [
    [['redrive'], {}, 2, /Which letters\?/],
    [['discard', '--all'], {}, 2, /--reason is missing/],
    [['redrive', '--all', '--rate', 'fast'], {}, 2, /--rate "fast"/],
    [['list', '--stage', 'nowhere'], {}, 2, /stage "nowhere"/],
    [['explain', createUuidV7(1)], {}, 1, /letter-not-found/],
    [['list'], { TONEWIRE_KEY: TEST_KEY }, 1, /not the key of an admin/],
  ]
  const outcomes = await Promise.all(cases.map(([args, environment]) => run(args, environment)))
  for (const [i, [args, , code, sentence]] of cases.entries()) {
    assert.equal(outcomes[i]?.code, code, `${args.join(' ')}: ${outcomes[i]?.output}`)
    assert.match(outcomes[i]?.output ?? '', sentence)
  }
})

test('npm run dead-letters works in the stores themselves', { skip: skipWithoutPostgres }, async () => {
  const { url } = await createTestDatabase()
  const db = await openMigrated({ url })
  await db.destroy()
  const stores = { TONEWIRE_URL: '', TONEWIRE_KEY: '', DATABASE_URL: url, REDIS_URL: redis.url, ...aws.env }
  assert.match((await run(['list'], stores)).output, /no dead letters/)
  const redriven = await run(['redrive', '--all'], stores)
  assert.deepEqual([redriven.code, /^0 redriven, 0 refused/.test(redriven.output)], [0, true], redriven.output)
})
