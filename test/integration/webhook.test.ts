import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { test } from 'node:test'
import { signBody } from '../../src/domain/callback.ts'
import { createUuidV7 } from '../../src/domain/ids.ts'
import type { NewJob } from '../../src/ports.ts'
import { changeTo, newJob } from '../contracts/job-store-suite.ts'
import { answerTo, completed, SECRET, startDirectSystem } from '../support/direct-system.ts'
import { openTestPlaces } from '../support/system.ts'

const { places, env } = await openTestPlaces()
const system = await startDirectSystem(places, { roles: ['api'], env, analysisServerUrl: 'http://127.0.0.1:1/' })
const urlOf = (jobId: string) => `${system.url}/webhooks/analysis?job_id=${jobId}`
const rowOf = (jobId: string) => system.ports.jobs.find(jobId)

async function forwarded(fields: Partial<NewJob> = {}): Promise<string> {
  const { jobId } = await system.ports.jobs.create({ ...newJob(), ...fields })
  for (const to of ['stored', 'forwarded'] as const) await system.ports.jobs.advance([changeTo(jobId, to)])
  return jobId
}

const failedOf = (job_id: string) => ({
  ...{ version: 1, type: 'failed', job_id, attempt: 1 },
  error: { code: 'too-noisy', detail: 'Nobody speaks', retryable: true },
})

test('a signed result completes its job, and the same again is acknowledged and changes nothing', async () => {
  const jobId = await forwarded()
  const first = await answerTo(urlOf(jobId), completed({ job_id: jobId }))
  assert.deepEqual([first.status, first.body], [200, { status: 'completed' }])
  const row = await rowOf(jobId)
  const again = await answerTo(urlOf(jobId), failedOf(jobId))
  assert.deepEqual([again.status, again.body], [200, { status: 'completed' }])
  assert.deepEqual((await answerTo(urlOf(jobId), completed({ job_id: jobId }))).status, 200)
  assert.deepEqual(await rowOf(jobId), row)
})

test('a failure ends its job with the server’s reason, and progress shows it as analysing', async () => {
  const jobId = await forwarded()
  const progress = { version: 1, type: 'progress', job_id: jobId, attempt: 1, progress: 80, message: 'Listening' }
  assert.deepEqual((await answerTo(urlOf(jobId), progress)).body, { status: 'analysing' })
  assert.deepEqual((await answerTo(urlOf(jobId), failedOf(jobId))).body, { status: 'failed' })
  const error = (await rowOf(jobId))?.error
  assert.deepEqual([error?.code, error?.detail, error?.stage], ['too-noisy', 'Nobody speaks', 'analysing'])
})

test('an answer that comes after the job was ended, or for an earlier attempt, is acknowledged and changes nothing', async () => {
  const jobId = await forwarded()
  await system.ports.jobs.advance([changeTo(jobId, 'failed')])
  const ended = await rowOf(jobId)
  const late = await answerTo(urlOf(jobId), completed({ job_id: jobId }))
  assert.deepEqual([late.status, late.body], [200, { status: 'failed' }])
  assert.deepEqual(await rowOf(jobId), ended)
  await system.ports.jobs.restart(jobId, 1)
  const restarted = await rowOf(jobId)
  assert.deepEqual((await answerTo(urlOf(jobId), completed({ job_id: jobId }))).body, { status: 'stored' })
  assert.deepEqual(await rowOf(jobId), restarted)
})

test('an answer without a signature, with a wrong one or an old one is refused, and its job waits on', async () => {
  const jobId = await forwarded()
  const body = completed({ job_id: jobId })
  for (const how of [
    { signature: false },
    { signature: 'v1=nonsense' },
    { secret: 'not the secret at all' },
    { ageS: 301 },
    { ageS: -330 },
  ] as const) {
    const { status, body: problem } = await answerTo(urlOf(jobId), body, how)
    assert.deepEqual([status, problem.code], [401, 'signature-invalid'], JSON.stringify(how))
  }
  assert.equal((await rowOf(jobId))?.status, 'forwarded')
})

test('garbage is refused with what is wrong with it, and its job waits on', async () => {
  const jobId = await forwarded()
  const other = await forwarded()
  const result_s3_url = `s3://${env.S3_BUCKET}/results/other/${jobId}/1.json`
  const { result: _, ...without } = completed({ job_id: jobId })
  for (const body of [
    '',
    'not json',
    '[]',
    '{}',
    '['.repeat(1000),
    JSON.stringify({ ...completed({ job_id: jobId }), version: 2 }),
    JSON.stringify(completed({ job_id: other })),
    JSON.stringify({ ...without, result_s3_url }),
    JSON.stringify(without),
  ]) {
    const { status, body: problem } = await answerTo(urlOf(jobId), body)
    assert.deepEqual([status, problem.code], [422, 'message-invalid'], body.slice(0, 60))
  }
  for (const query of ['', '?job_id=', '?job_id=1', `?job_id=${jobId}&job_id=${other}`]) {
    const { status } = await answerTo(`${system.url}/webhooks/analysis${query}`, completed({ job_id: jobId }))
    assert.equal(status, 400, query)
  }
  assert.deepEqual([(await rowOf(jobId))?.status, (await rowOf(other))?.status], ['forwarded', 'forwarded'])
})

test('an unknown job is 404, and one of the queue route is left to its queue', async () => {
  const unknown = createUuidV7(Date.now())
  const missing = await answerTo(urlOf(unknown), completed({ job_id: unknown }))
  assert.deepEqual([missing.status, missing.body.code], [404, 'job-not-found'])
  assert.equal((await answerTo(urlOf(randomUUID()), completed({ job_id: unknown }))).status, 404)
  const job = { ...newJob(), route: 'queue' } as const
  await Object.getPrototypeOf(system.ports).jobs.create(job)
  const { status, body } = await answerTo(urlOf(job.jobId), completed({ job_id: job.jobId }))
  assert.deepEqual([status, body.code], [409, 'job-not-direct'])
})

test('an answer larger than any result is refused without being read', async () => {
  const jobId = await forwarded()
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const headers = { 'content-length': 17 * 1024 * 1024, 'x-signature': signBody([SECRET], (Date.now() / 1000) | 0, '') }
  const call = request(urlOf(jobId), { method: 'POST', headers }, (response) => {
    resolve(response.statusCode)
    call.destroy()
  })
  call.on('error', reject).flushHeaders()
  assert.equal(await promise, 413)
})

test('a process that is full says when to come back, and takes answers again when others have gone', async () => {
  const jobId = await forwarded()
  const headers = { 'content-length': 100, 'x-signature': signBody([SECRET], (Date.now() / 1000) | 0, '') }
  const open = () =>
    new Promise<ReturnType<typeof request>>((resolve) => {
      const call = request(urlOf(jobId), { method: 'POST', agent: false, headers })
      call.on('error', () => {})
      call.on('socket', (socket) => socket.once('connect', () => resolve(call)))
      call.flushHeaders()
    })
  const ask = async () => {
    const answer = await answerTo(urlOf(jobId), completed({ job_id: jobId }))
    assert.ok([200, 503].includes(answer.status), String(answer.status))
    return answer
  }
  // Ever more: those that came first are given up after a while, however slow this machine is.
  const calls: Awaited<ReturnType<typeof open>>[] = []
  let full = await ask()
  while (full.status !== 503) {
    assert.ok(calls.length < 2000, 'it is never full')
    calls.push(...(await Promise.all(Array.from({ length: 50 }, open))))
    full = await ask()
  }
  assert.deepEqual([full.body.code, full.headers.get('retry-after')], ['not-ready', '2'])
  for (const call of calls) call.destroy()
  while ((await ask()).status !== 200);
})

test('what became of answers is counted', async () => {
  const { text } = await system.metrics.render()
  for (const outcome of ['completed', 'failed', 'progress', 'repeat', 'late', 'signature-invalid', 'message-invalid']) {
    assert.match(text, new RegExp(`tonewire_webhooks_total\\{outcome="${outcome}"\\} [1-9]`))
  }
})
