import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import type { Job } from '../../src/domain/job.ts'
import { resultJson } from '../contracts/formatter-suite.ts'
import { changeTo } from '../contracts/job-store-suite.ts'
import { openEvents } from '../support/events.ts'
import { toneWav } from '../support/recordings.ts'
import { openTestPlaces, startTestSystem, TEST_KEY, uploadRaw } from '../support/system.ts'

const { places, env, redis, aws } = await openTestPlaces()
const system = await startTestSystem(['api'], places, { ...env, TRUST_PROXY: '1', METRICS_TOKEN: 'metrics-token' })
const { jobs, objects } = system.ports
const AUTHORIZED = { authorization: `Bearer ${TEST_KEY}` }

async function addJob(query = ''): Promise<Job> {
  const { job_id: jobId } = (await (await uploadRaw(system.url, toneWav(), { query })).json()) as { job_id: string }
  return (await jobs.find(jobId))!
}

async function complete(job: Job, json: string, asObject = false): Promise<void> {
  const objectKey = `results/${job.owner}/${job.jobId}/1.json`
  if (asObject) await objects.putBytes(objectKey, Buffer.from(json), 'application/json')
  await jobs.advance([{ ...changeTo(job.jobId, 'completed'), result: asObject ? { objectKey } : { json } }])
}

/** As it comes over the wire: `fetch` would decompress it, and ask for that by itself. */
async function getRaw(path: string, headers: Record<string, string> = {}) {
  const request = get(`${system.url}${path}`, { headers: { ...AUTHORIZED, ...headers } })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const body = Buffer.concat(await response.toArray())
  return { status: response.statusCode, headers: response.headers, body }
}

function assertGuarded(headers: IncomingHttpHeaders, what: string): void {
  assert.equal(headers['x-content-type-options'], 'nosniff', what)
  assert.equal(headers['referrer-policy'], 'no-referrer', what)
  assert.equal(headers['cross-origin-resource-policy'], 'same-site', what)
  assert.match(String(headers['content-security-policy']), /default-src 'none'.*frame-ancestors 'none'/, what)
}

test('every answer carries the security headers, errors, redirects and streams too', async () => {
  const job = await addJob()
  const paths = [
    '/livez',
    '/nowhere',
    '/v1/jobs',
    `/v1/jobs/${job.jobId}/audio`,
    '/v1/jobs/x',
    '/openapi.json',
    '/docs',
  ]
  for (const path of paths) assertGuarded((await getRaw(path)).headers, path)
  assertGuarded((await getRaw('/v1/jobs', { authorization: 'Bearer wrong' })).headers, '401')
  assertGuarded((await getRaw('/livez', { expect: 'the-unexpected' })).headers, '417')
  const stream = await openEvents(`${system.url}/v1/jobs/${job.jobId}/events`, TEST_KEY)
  assertGuarded(Object.fromEntries(stream.headers), 'a stream')
  stream.close()
})

test('only over https is a browser told to stay there', async () => {
  assert.equal((await getRaw('/livez')).headers['strict-transport-security'], undefined)
  const { headers } = await getRaw('/livez', { 'x-forwarded-proto': 'https' })
  assert.match(String(headers['strict-transport-security']), /^max-age=\d{8}$/)
})

test('a result is compressed as asked for, and the same without; a kept answer is for its encoding only', async () => {
  const json = resultJson(1000)
  for (const asObject of [false, true]) {
    const job = await addJob()
    await complete(job, json, asObject)
    const path = `/v1/jobs/${job.jobId}/result`
    const plain = await getRaw(path)
    assert.deepEqual([plain.headers['content-encoding'], plain.body.toString()], [undefined, json])
    const [br, gzip] = [
      await getRaw(path, { 'accept-encoding': 'br, gzip' }),
      await getRaw(path, { 'accept-encoding': 'gzip' }),
    ]
    assert.deepEqual([br.headers['content-encoding'], gzip.headers['content-encoding']], ['br', 'gzip'])
    assert.equal(brotliDecompressSync(br.body).toString(), json)
    assert.equal(gunzipSync(gzip.body).toString(), json)
    assert.ok(gzip.body.length < plain.body.length / 2)
    for (const { headers } of [plain, br, gzip]) assert.match(String(headers.vary), /accept-encoding/i)
  }
})

test('events are never compressed, whatever is asked for', async () => {
  const job = await addJob()
  const headers = { 'accept-encoding': 'gzip, br' }
  const stream = await openEvents(`${system.url}/v1/jobs/${job.jobId}/events`, TEST_KEY, headers)
  assert.equal(stream.headers.get('content-encoding'), null)
  stream.close()
})

test('no filename gets out of its place: not into a key, not into a header, not into a path', async () => {
  const names = [
    '../../../etc/passwd',
    'a".wav; filename=evil.exe',
    "naïve 'quote' *%00.wav",
    'line\r\nset-cookie: a=b.wav',
    '\u202Egnp.wav',
    '<script>alert(1)</script>.wav',
    '..',
    '録音🎤.wav',
  ]
  for (const name of names) {
    const job = await addJob(`?filename=${encodeURIComponent(name)}`)
    assert.match(job.objectKey, /^audio\/acme\/[\d/]+\/[0-9a-f-]{36}\.\w+$/, name)
    await complete(job, resultJson(50))
    for (const format of ['csv', 'textgrid', 'pitchtier', 'svg']) {
      const { status, headers } = await getRaw(`/v1/jobs/${job.jobId}/result?format=${format}`)
      assert.equal(status, 200)
      assert.match(
        String(headers['content-disposition']),
        /^attachment; filename="[^"\\/\r\n]+\.(csv|TextGrid|PitchTier|svg)"(; filename\*=UTF-8''[\w.~%!$&+^`|#-]+)?$/,
        name,
      )
      assert.equal(headers['set-cookie'], undefined)
      assert.equal(/sandbox/.test(String(headers['content-security-policy'])), format === 'svg')
    }
    const { headers } = await getRaw(`/v1/jobs/${job.jobId}/audio`)
    const disposition = new URL(String(headers.location)).searchParams.get('response-content-disposition')
    assert.match(String(disposition), /^attachment(; filename="[^"\\/\r\n]*"(; filename\*=[^"\r\n]+)?)?$/, name)
  }
})

function assertPlain(what: string, status: number | undefined, text: string): void {
  assert.ok((status ?? 0) >= 400, `${what}: ${status}`)
  assert.doesNotMatch(
    text,
    /node_modules|node:internal|\.ts\b|\n\s+at |"(stack|cause)"|127\.0\.0\.1|ECONN/,
    `${what}: ${text}`,
  )
  assert.deepEqual(Object.keys(JSON.parse(text)).sort(), ['code', 'detail', 'request_id', 'status', 'title', 'type'])
}

test('an answer never holds a stack, a cause or a place of ours', async () => {
  const job = await addJob()
  await complete(job, 'not JSON at all', true)
  const malformed = await getRaw(`/v1/jobs/${job.jobId}/result?format=svg`)
  assertPlain('a result that is no result', malformed.status, malformed.body.toString())
  await redis.stop()
  await aws.stop()
  const paths = [
    `/v1/jobs/${job.jobId}/audio`,
    `/v1/jobs/${job.jobId}/result?format=svg`,
    '/v1/jobs?cursor=%00broken',
    '/v1/jobs/%ZZ',
    '/metrics',
    `/v1/jobs/${'0'.repeat(36)}`,
    '/v1/tokens?limit=-1',
  ]
  for (const path of paths) {
    const { status, body } = await getRaw(path)
    assertPlain(path, status, body.toString())
  }
})
