/** Recordings straight to S3, over real HTTP: signed URLs, completion, and what is refused. */
import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { startCorsProxy } from '../support/cors-proxy.ts'
import { toneWav } from '../support/recordings.ts'
import { OTHER_KEY, openTestPlaces, startTestSystem, TEST_KEY } from '../support/system.ts'

const ORIGIN = 'https://page.example'
const MIB = 1024 * 1024
const { places, env, aws } = await openTestPlaces()
const proxy = await startCorsProxy(aws.endpoint, ORIGIN, 'embedded')
const settings = { CORS_ORIGINS: ORIGIN, S3_PUBLIC_ENDPOINT_URL: proxy.url, MAX_UPLOAD_BYTES: String(32 * MIB) }
const system = await startTestSystem(['api'], places, { ...env, ...settings })
const { ports } = system
const WAV = toneWav()
const LONG = toneWav({ seconds: 320 })
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

async function call(path: string, body?: object, options: { method?: string; headers?: object } = {}): Promise<Answer> {
  const { method = 'POST', headers = {} } = options
  const type = body === undefined ? {} : { 'content-type': 'application/json' }
  const response = await fetch(`${system.url}/v1/uploads${path}`, {
    method,
    headers: { authorization: `Bearer ${TEST_KEY}`, ...type, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
}

const announce = (bytes: Uint8Array, fields: object = {}, headers: object = {}) =>
  call('', { filename: 'take.wav', content_type: 'audio/wav', size_bytes: bytes.length, ...fields }, { headers })

async function offer(bytes: Uint8Array, fields: object = {}) {
  const { status, body } = await announce(bytes, fields)
  assert.equal(status, 201, JSON.stringify(body))
  return body as {
    job_id: string
    method: string
    part_size_bytes: number
    urls: string[]
    headers: Record<string, string>
  }
}

async function put(url: string | undefined, bytes: Uint8Array, headers: Record<string, string> = {}) {
  const response = await fetch(url ?? '', { method: 'PUT', headers, body: new Uint8Array(bytes) })
  await response.text()
  return { status: response.status, etag: response.headers.get('etag') ?? '' }
}

async function putWhole(bytes: Uint8Array, fields: object = {}) {
  const offered = await offer(bytes, fields)
  assert.equal((await put(offered.urls[0], bytes, offered.headers)).status, 200)
  return offered
}

const keysOf = async (jobId: string): Promise<string[]> => {
  const pages = await Promise.all(['uploads/', 'audio/'].map((prefix) => ports.objects.list(prefix, { limit: 1000 })))
  return pages
    .flat()
    .map(({ key }) => key)
    .filter((key) => key.includes(jobId))
}

test('a recording sent to the URL becomes a job like any other', async () => {
  const offered = await putWhole(WAV, { sha256: sha256(WAV), token_id: 'greeting-1', metadata: { lesson: 3 } })
  const { status, body } = await call(`/${offered.job_id}/complete`)
  assert.equal(status, 202, JSON.stringify(body))
  const { size_bytes, content_type, token_id, metadata, duration_s } = body
  assert.deepEqual(
    [size_bytes, body.sha256, content_type, token_id],
    [WAV.length, sha256(WAV), 'audio/wav', 'greeting-1'],
  )
  assert.deepEqual([metadata, duration_s], [{ lesson: 3 }, 0.6])
  const job = await ports.jobs.find(offered.job_id)
  assert.deepEqual(await keysOf(offered.job_id), [job?.objectKey])
  assert.match(job?.objectKey ?? '', /^audio\/acme\/\d{4}\/\d\d\/\d\d\/[0-9a-f-]+\.wav$/)
})

test('what is sent to the URL after completion does not change the job', async () => {
  const offered = await putWhole(WAV)
  await call(`/${offered.job_id}/complete`)
  const evil = Buffer.alloc(WAV.length, 1)
  assert.equal((await put(offered.urls[0], evil, offered.headers)).status, 200)
  const again = await call(`/${offered.job_id}/complete`)
  assert.deepEqual([again.status, again.body.sha256], [202, sha256(WAV)])
  const job = await ports.jobs.find(offered.job_id)
  assert.ok(WAV.equals(await buffer(await ports.objects.get(job?.objectKey ?? ''))))
})

test('a URL takes neither more bytes nor another type than it was signed for', async () => {
  const { urls, headers } = await offer(WAV)
  assert.equal((await put(urls[0], Buffer.concat([WAV, WAV]), headers)).status, 403)
  assert.equal((await put(urls[0], WAV, { 'content-type': 'text/html' })).status, 403)
  assert.equal((await put(urls[0]?.replace('uploads', 'audio'), WAV, headers)).status, 403)
})

test('completions at once and repeated make one job and keep one object', async () => {
  const { job_id } = await putWhole(WAV)
  const answers = await Promise.all(Array.from({ length: 8 }, () => call(`/${job_id}/complete`, {})))
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202]))
  assert.equal((await keysOf(job_id)).length, 1)
})

test('a broken upload in parts goes on with what is missing, and is joined', async () => {
  const offered = await offer(LONG, { sha256: sha256(LONG) })
  assert.deepEqual([offered.method, offered.part_size_bytes, offered.urls.length], ['parts', 8 * MIB, 2])
  const slices = [LONG.subarray(0, 8 * MIB), LONG.subarray(8 * MIB)] as const
  proxy.failPart(2)
  const first = await put(offered.urls[0], slices[0])
  assert.equal((await put(offered.urls[1], slices[1])).status, 503)
  const early = await call(`/${offered.job_id}/complete`, { parts: [{ part_number: 1, etag: first.etag }] })
  assert.deepEqual([early.status, early.body.code], [409, 'upload-incomplete'])
  const signed = await call(`/${offered.job_id}/urls`, { parts: [2] })
  assert.deepEqual([signed.status, signed.body.parts], [200, [2]])
  const second = await put((signed.body.urls as string[])[0], slices[1])
  const parts = [first, second].map(({ etag }, index) => ({ part_number: index + 1, etag }))
  const done = await call(`/${offered.job_id}/complete`, { parts })
  assert.deepEqual([done.status, done.body.sha256], [202, sha256(LONG)])
  assert.equal((await put(offered.urls[0], slices[0])).status, 404)
})

test('what is not what was announced, or no audio, ends the job with its code and leaves nothing', async () => {
  const cases = [
    [WAV, { sha256: 'ab'.repeat(32) }, 422, 'upload-mismatch'],
    [Buffer.alloc(5000, 'no audio'), {}, 415, 'upload-not-audio'],
  ] as const
  for (const [bytes, fields, status, code] of cases) {
    const { job_id } = await putWhole(bytes, fields)
    for (const answer of [await call(`/${job_id}/complete`), await call(`/${job_id}/complete`)]) {
      assert.deepEqual([answer.status, answer.body.code], [status, code])
    }
    assert.deepEqual([(await ports.jobs.find(job_id))?.status, await keysOf(job_id)], ['failed', []])
  }
})

test('what cannot be accepted is refused before there is a row or a URL', async () => {
  const tooMuch = { length: 32 * MIB + 1 } as Uint8Array
  const answers = [await announce(tooMuch), await announce(Buffer.alloc(0)), await announce(WAV, { token_id: '/' })]
  assert.deepEqual(
    answers.map(({ body }) => body.code),
    ['upload-too-large', 'upload-empty', 'request-invalid'],
  )
})

test('nothing sent is incomplete, and the upload goes on', async () => {
  const { job_id, urls, headers } = await offer(WAV)
  assert.equal((await call(`/${job_id}/complete`)).body.code, 'upload-incomplete')
  await put(urls[0], WAV, headers)
  assert.equal((await call(`/${job_id}/complete`)).status, 202)
  assert.equal((await call(`/${job_id}/urls`)).body.code, 'upload-complete')
})

test('an upload given up leaves nothing, again and again', async () => {
  const { job_id } = await putWhole(WAV)
  const gaveUp = [
    await call(`/${job_id}`, undefined, { method: 'DELETE' }),
    await call(`/${job_id}`, undefined, { method: 'DELETE' }),
  ]
  assert.deepEqual(
    gaveUp.map(({ status }) => status),
    [204, 204],
  )
  assert.deepEqual(await keysOf(job_id), [])
  assert.equal((await call(`/${job_id}/complete`)).body.code, 'job-cancelled')
})

test('a cancelled upload leaves nothing, and nothing that is sent afterwards can be read', async () => {
  const offered = await putWhole(WAV)
  const job = `${system.url}/v1/jobs/${offered.job_id}`
  const authorization = `Bearer ${TEST_KEY}`
  const cancelled = await fetch(`${job}/cancel`, { method: 'POST', headers: { authorization } })
  assert.deepEqual([cancelled.status, await keysOf(offered.job_id)], [200, []])
  assert.equal((await put(offered.urls[0], WAV, offered.headers)).status, 200)
  const audio = await fetch(`${job}/audio`, { headers: { authorization }, redirect: 'manual' })
  assert.equal(audio.status, 410)
  assert.equal((await call(`/${offered.job_id}`, undefined, { method: 'DELETE' })).status, 204)
  assert.deepEqual(await keysOf(offered.job_id), [])
  assert.equal((await call(`/${offered.job_id}/urls`, { parts: [2] })).status, 409)
})

test('the one URL of a small upload is no second part', async () => {
  const { job_id } = await offer(WAV)
  assert.equal((await call(`/${job_id}/urls`, { parts: [2] })).body.code, 'request-invalid')
})

test("another owner's upload does not exist", async () => {
  const { job_id } = await offer(WAV)
  const headers = { authorization: `Bearer ${OTHER_KEY}` }
  for (const path of [`/${job_id}/urls`, `/${job_id}/complete`]) {
    assert.equal((await call(path, {}, { headers })).status, 404)
  }
  assert.equal((await call(`/${job_id}`, undefined, { method: 'DELETE', headers })).status, 404)
})

test('an idempotency key makes one upload; another recording with it is refused', async () => {
  const headers = { 'idempotency-key': randomUUID() }
  const [a, b] = await Promise.all([announce(LONG, {}, headers), announce(LONG, {}, headers)])
  assert.deepEqual([a.status, b.status, a.body.job_id], [201, 201, b.body.job_id])
  const ids = [a, b].map(({ body }) => new URL((body.urls as string[])[0] ?? '').searchParams.get('uploadId'))
  assert.equal(ids[0], ids[1])
  assert.equal((await announce(WAV, {}, headers)).body.code, 'idempotency-conflict')
})

test('pages of a named origin may call, also for events; those of another may not', async () => {
  const ask = (origin: string) =>
    fetch(`${system.url}/v1/uploads`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    })
  const [named, other] = [await ask(ORIGIN), await ask('https://evil.example')]
  assert.deepEqual([named.status, named.headers.get('access-control-allow-origin')], [204, ORIGIN])
  assert.match(named.headers.get('access-control-allow-headers') ?? '', /authorization/)
  assert.equal(other.headers.get('access-control-allow-origin'), null)
  const { job_id } = await offer(WAV)
  const headers = { authorization: `Bearer ${TEST_KEY}`, origin: ORIGIN }
  const leaving = new AbortController()
  for (const path of [`/v1/jobs/${job_id}`, `/v1/jobs/${job_id}/events`, `/v1/jobs/${randomUUID()}`]) {
    const answer = await fetch(system.url + path, { headers, signal: leaving.signal })
    assert.equal(answer.headers.get('access-control-allow-origin'), ORIGIN, path)
    assert.equal(answer.headers.get('access-control-allow-credentials'), null)
    assert.match(answer.headers.get('vary') ?? '', /origin/i)
  }
  leaving.abort()
})
