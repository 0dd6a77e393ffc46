import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '../../src/client/tonewire.ts'
import { newLetter } from '../contracts/dead-letter-store.ts'
import { newJob } from '../contracts/job-store-suite.ts'
import { createSchemaCheck, type Document, type NamedOperation, operationsOf } from '../support/openapi.ts'
import { toneWav } from '../support/recordings.ts'
import { OTHER_KEY, openTestPlaces, startTestSystem, TEST_KEY } from '../support/system.ts'

const ADMIN_KEY = 'test-key-of-an-admin'
const WAV = toneWav()
const { places, env } = await openTestPlaces()
const system = await startTestSystem(['api', 'forward', 'analyse', 'record', 'reconcile'], places, {
  ...env,
  WEBHOOK_SECRET: 'a secret of this test',
  WEBHOOK_ALLOW_UNSIGNED_FROM: '127.0.0.1',
  BOOTSTRAP_API_KEYS: `acme=${TEST_KEY},other=${OTHER_KEY},ops=${ADMIN_KEY}:admin`,
})
const document = (await (await fetch(`${system.url}/openapi.json`)).json()) as Document
const operations = operationsOf(document)
const check = createSchemaCheck(document)
const called = new Set<string>()

const client = createClient({ url: system.url, key: TEST_KEY })
const job = await client.upload(WAV, { token_id: 'greeting-1', filename: 'take.wav' })
const ids: Record<string, string> = {
  job_id: job.job_id,
  token_id: 'greeting-1',
  delivery_id: job.job_id,
  key_id: job.job_id,
  owner: 'nobody',
  letter_id: job.job_id,
}
for await (const _event of client.follow(job.job_id, { cursor: job.event_cursor }));

function urlOf({ path }: NamedOperation, given: Record<string, string> = {}): string {
  return system.url + path.replace(/\{(\w+)\}/g, (_, name: string) => ({ ...ids, ...given })[name] ?? name)
}

function bearer(key: string): { authorization: string } {
  return { authorization: `Bearer ${key}` }
}

/** Calls an operation, and holds its answer against what the document says of it. */
async function call(
  name: string,
  { key = TEST_KEY, query = '', params = {}, ...init }: RequestInit & CallOptions = {},
): Promise<{ status: number; text: string }> {
  const found = operations.find((each) => each.name === name)
  assert.ok(found, `${name} is not in the document`)
  const headers = { ...(key === '' ? {} : bearer(key)), ...(init.headers as Record<string, string>) }
  const url = urlOf(found, params) + query
  const response = await fetch(url, { ...init, method: found.method, headers, redirect: 'manual' })
  const text = await response.text()
  const where = `${name} → ${response.status} ${text.slice(0, 300)}`
  assert.ok(response.headers.get('x-request-id'), where)
  const answer = found.operation.responses[response.status]
  assert.ok(answer, `${where}: this status is not in the document`)
  const type = response.headers.get('content-type')?.split(';')[0] ?? ''
  if (text !== '') {
    const media = answer.content?.[type]
    assert.ok(media, `${where}: ${type} is not in the document`)
    const value = type.endsWith('json') ? JSON.parse(text) : text
    assert.deepEqual(check(media.schema, value), [], where)
    if (type === 'application/problem+json') {
      assert.ok(
        (value as { code: string }).code in (media.examples ?? {}),
        `${where}: this code is not in the document`,
      )
    }
  } else assert.equal(answer.content, undefined, where)
  if (response.status < 400) called.add(name)
  return { status: response.status, text }
}
interface CallOptions {
  readonly key?: string
  readonly query?: string
  readonly params?: Record<string, string>
}

function form(fields: Record<string, string | Blob>): FormData {
  const made = new FormData()
  for (const [name, value] of Object.entries(fields)) made.append(name, value as Blob)
  return made
}
const json = (value: unknown) => ({ headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) })
const raw = { headers: { 'content-type': 'audio/wav' }, body: WAV as never }

test('whatever jobs and tokens answer is as the document says', async () => {
  const recording = new Blob([WAV])
  await call('POST /v1/jobs', { body: form({ token_id: 'greeting-1', file: recording }) })
  await call('POST /v1/jobs', { ...raw, query: '?callback_url=https://hooks.example.com/x' })
  await call('POST /v1/jobs', { body: 'text', headers: { 'content-type': 'text/plain' } })
  await call('POST /v1/jobs', { ...raw, query: '?priority=soon' })
  await call('POST /v1/jobs', { ...raw, body: 'this is not audio' })
  const later = { ...raw, query: `?not_before=${new Date(Date.now() + 3_600_000).toISOString()}` }
  const waiting = JSON.parse((await call('POST /v1/jobs', later)).text) as { job_id: string }
  await call('POST /{token_id}/upload-audio', { body: form({ file: recording }) })
  await call('PUT /v1/tokens/{token_id}', { body: form({ audio: recording }) })
  await call('PUT /v1/tokens/{token_id}', { body: form({ textgrid: new Blob(['no TextGrid']) }) })
  for (const name of ['GET /v1/jobs', 'GET /v1/jobs/{job_id}', 'GET /v1/tokens', 'GET /v1/tokens/{token_id}']) {
    assert.equal((await call(name)).status, 200, name)
  }
  await call('GET /v1/jobs', { query: '?limit=1000' })
  for (const format of ['json', 'csv', 'textgrid', 'pitchtier', 'svg', 'other']) {
    await call('GET /v1/jobs/{job_id}/result', { query: `?format=${format}` })
  }
  await call('GET /v1/jobs/{job_id}/result', { params: waiting })
  await call('GET /v1/jobs/{job_id}/events')
  await call('GET /v1/jobs/{job_id}/audio')
  await call('GET /v1/jobs/{job_id}/deliveries')
  await call('GET /v1/jobs/{job_id}/timeline')
  await call('POST /v1/jobs/{job_id}/deliveries/{delivery_id}/replay')
  await call('POST /v1/jobs/{job_id}/cancel')
  await call('POST /v1/jobs/{job_id}/cancel', { params: waiting })
  await call('POST /v1/jobs/{job_id}/retry')
  await call('DELETE /v1/tokens/{token_id}')
  await call('DELETE /v1/tokens/{token_id}')
})

test('whatever the cutover answers is as the document says', async () => {
  const admin = { key: ADMIN_KEY }
  await call('GET /v1/admin/cutover', admin)
  await call('GET /v1/admin/cutover')
  const put = (change: object) => call('PUT /v1/admin/cutover', { ...admin, ...json(change) })
  assert.equal((await put({ percent: 100, reason: 'a test', version: 0 })).status, 200)
  assert.equal((await put({ percent: 100, reason: 'a test', version: 0 })).status, 409)
  assert.equal((await put({ percent: 50, reason: 'a test', version: 1 })).status, 409)
  assert.equal((await put({ percent: 'half', reason: 'a test', version: 1 })).status, 400)
  await call('GET /v1/admin/cutover', { ...admin, query: '?before=2' })
})

test('whatever direct uploads answer is as the document says', async () => {
  const announced = { content_type: 'audio/wav', size_bytes: WAV.length }
  const offer = async () =>
    JSON.parse((await call('POST /v1/uploads', json(announced))).text) as Record<string, unknown>
  const { job_id, urls, headers } = await offer()
  const params = { job_id: String(job_id) }
  await call('POST /v1/uploads/{job_id}/complete', { params, ...json({}) })
  await call('POST /v1/uploads/{job_id}/urls', { params, ...json({}) })
  const put = { method: 'PUT', body: WAV as never, headers: headers as Record<string, string> }
  assert.equal((await fetch(String((urls as string[])[0]), put)).status, 200)
  await call('POST /v1/uploads/{job_id}/complete', { params, ...json({}) })
  await call('DELETE /v1/uploads/{job_id}', { params })
  const { job_id: second } = await offer()
  await call('DELETE /v1/uploads/{job_id}', { params: { job_id: String(second) } })
  await call('POST /v1/uploads', json({}))
})

test('whatever the session, the system and the admin’s routes answer is as the document says', async () => {
  for (const path of ['/livez', '/readyz', '/metrics', '/openapi.json', '/asyncapi.json', '/docs']) {
    assert.equal((await call(`GET ${path}`, { key: '' })).status, 200, path)
  }
  await call('POST /v1/session')
  await call('POST /v1/session', { key: 'unknown-key' })
  await call('DELETE /v1/session', { key: '' })
  const direct = await system.ports.jobs.create(newJob({ route: 'direct' }))
  const error = { code: 'too-noisy' }
  for (const query of ['', `?job_id=${job.job_id}`, `?job_id=${direct.jobId}`]) {
    await call('POST /webhooks/analysis', { key: '', query, ...json({ type: 'failed', error }) })
  }
  await call('POST /webhooks/analysis', { key: '', body: '{}', headers: { 'x-signature': 'v1=nonsense' } })
  const key = ADMIN_KEY
  await call('POST /v1/admin/keys', { key, ...json({ owner: 'acme' }) })
  await call('POST /v1/admin/keys', { key, body: 'x', headers: { 'content-type': 'text/plain' } })
  await call('GET /v1/admin/keys', { key })
  await system.ports.deadLetters.keep(newLetter({ jobId: job.job_id, stage: 'analysing', attempt: 1 }))
  const { items } = JSON.parse((await call('GET /v1/admin/dead-letters', { key })).text)
  await call('GET /v1/admin/dead-letters', { key, query: '?group_by=code' })
  await call('GET /v1/admin/dead-letters/{letter_id}', { key })
  await call('GET /v1/admin/dead-letters/{letter_id}', { key, params: { letter_id: items[0].letter_id } })
  await call('POST /v1/admin/dead-letters/redrive', { key, ...json({ filter: {} }) })
  await call('POST /v1/admin/dead-letters/redrive', { key, ...json({ filter: { all: true } }) })
  await call('POST /v1/admin/dead-letters/discard', { key, ...json({ filter: { all: true }, reason: 'a test' }) })
  await call('DELETE /v1/admin/keys/{key_id}', { key })
  await call('POST /v1/admin/owners/{owner}/secret', { key })
  await call('DELETE /v1/admin/owners/{owner}', { key })
})

test('no key and a revoked key open nothing that is not public, and a user’s key nothing of an admin’s', async () => {
  const made = await call('POST /v1/admin/keys', { key: ADMIN_KEY, ...json({ owner: 'acme', name: 'short' }) })
  const { key: revoked, key_id } = JSON.parse(made.text) as Record<string, string>
  await call('DELETE /v1/admin/keys/{key_id}', { key: ADMIN_KEY, params: { key_id: String(key_id) } })
  for (const { name, path, operation } of operations.filter((each) => each.operation.security === undefined)) {
    assert.deepEqual([(await call(name, { key: '' })).status, name], [401, name])
    assert.deepEqual([(await call(name, { key: revoked ?? '' })).status, name], [401, name])
    assert.ok(operation.responses[401], name)
    if (path.startsWith('/v1/admin/')) assert.deepEqual([(await call(name)).status, name], [403, name])
  }
})

/** These make something under the name for whoever asks, so that another's own is not touched. */
const MAKE_ONE_S_OWN = ['PUT /v1/tokens/{token_id}', 'POST /{token_id}/upload-audio']

test('another owner’s key finds nothing: 404 for each id, and lists without it', async () => {
  await call('PUT /v1/tokens/{token_id}', { body: form({ audio: new Blob([WAV]) }) })
  const own = operations.filter(({ name, path }) => !path.startsWith('/v1/admin/') && !MAKE_ONE_S_OWN.includes(name))
  for (const { name, path, operation } of own.filter((each) => each.operation.security === undefined)) {
    const example = operation.requestBody?.content?.['application/json']?.example
    const body = example === undefined ? {} : json(example)
    if (/\{(job|token)_id\}/.test(path)) {
      assert.deepEqual([(await call(name, { key: OTHER_KEY, ...body })).status, name], [404, name])
    } else if (path.endsWith('/events')) {
      assert.equal(await beginningOf(name, OTHER_KEY), 'id: place')
    } else if (name.startsWith('GET ')) {
      assert.deepEqual(JSON.parse((await call(name, { key: OTHER_KEY })).text).items, [], name)
    }
  }
})

/** The first frame of a stream that does not end, with the place in the log left out. */
async function beginningOf(name: string, key: string): Promise<string> {
  called.add(name)
  const [, path = ''] = name.split(' ')
  const leaving = new AbortController()
  const response = await fetch(system.url + path, { headers: bearer(key), signal: leaving.signal })
  assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  let text = ''
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk
    const [, first] = /^retry: \d+\n\n(.*)\n\n/s.exec(text) ?? []
    if (first === undefined) continue
    leaving.abort()
    return first.replace(/^id: \S+$/, 'id: place')
  }
  return text
}

test('this run went through every operation, but for what needs a failed job or a delivery', () => {
  const missed = operations.map(({ name }) => name).filter((name) => !called.has(name))
  assert.deepEqual(missed, ['POST /v1/jobs/{job_id}/retry', 'POST /v1/jobs/{job_id}/deliveries/{delivery_id}/replay'])
})
