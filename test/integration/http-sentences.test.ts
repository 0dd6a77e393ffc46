/** What a refusal says: typed like every other, short, and something that its reader can act on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openRawHttp } from '../support/raw-http.ts'
import { toneWav } from '../support/recordings.ts'
import { openTestPlaces, startTestSystem, TEST_KEY } from '../support/system.ts'

const ADMIN_KEY = 'test-key-of-ops'
const { places, env } = await openTestPlaces()
const system = await startTestSystem(['api'], places, {
  ...env,
  BOOTSTRAP_API_KEYS: `acme=${TEST_KEY},ops=${ADMIN_KEY}:admin`,
})

async function send(
  method: string,
  path: string,
  type: string,
  body: string | Buffer<ArrayBuffer> | null = null,
  key = TEST_KEY,
) {
  const headers = { authorization: `Bearer ${key}`, 'content-type': type }
  const response = await fetch(`${system.url}${path}`, { method, headers, body })
  const problem = (await response.json()) as { code: string; detail: string }
  return { status: response.status, headers: response.headers, ...problem }
}

test('a request of HTTP/1.1 without a Host is told so, and one of HTTP/1.0 needs none', async () => {
  const refused = await openRawHttp(system.url, 'GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n').done
  assert.equal(refused.status, 400)
  assert.match(refused.head, /application\/problem\+json/)
  assert.match(refused.body, /"detail":"Send the header Host/)
  assert.equal((await openRawHttp(system.url, 'GET /livez HTTP/1.0\r\n\r\n').done).status, 200)
})

test('an address that cannot be read is refused in a few words and with the security headers', async () => {
  for (const path of [`/v1/jobs/${'a'.repeat(5000)}`, '/v1/jobs/%zz']) {
    const { status, headers, detail } = await send('GET', path, 'text/plain')
    assert.ok(status === 413 || status === 400, `${status}`)
    assert.ok(detail.length < 100, detail)
    assert.equal(headers.get('x-content-type-options'), 'nosniff')
    assert.match(String(headers.get('content-security-policy')), /default-src 'none'/)
  }
})

test('a content type that is not taken is answered with those that are, of this very route', async () => {
  const takes: [string, string, RegExp][] = [
    ['POST', '/v1/jobs', /part named file, or .*audio\/\*, video\/webm, .*octet-stream/],
    ['POST', '/v1/uploads', /^Send application\/json\.$/],
    ['PUT', '/v1/tokens/greeting-1', /^Send multipart\/form-data with any of the files audio, textgrid and pitch\.$/],
  ]
  for (const [method, path, expected] of takes) {
    const { status, detail } = await send(method, path, 'application/x-www-form-urlencoded', 'a=b')
    assert.equal(status, 415, path)
    assert.match(detail, expected)
  }
})

test('a value that is not one of a few is answered with those few, a body that is no object with what it has to be', async () => {
  const format = await send('GET', '/v1/jobs/01a201ea-0382-7a2f-8809-6fc5676138e8/result?format=xml', 'text/plain')
  assert.match(format.detail, /format must be one of json, csv, /)
  const key = JSON.stringify({ owner: 'carl', name: 'phone', role: 'root' })
  const role = await send('POST', '/v1/admin/keys', 'application/json', key, ADMIN_KEY)
  assert.match(role.detail, /role must be one of user, admin/)
  const { status, detail } = await send('POST', '/v1/uploads', 'text/plain', '{}')
  assert.deepEqual([status, detail], [400, 'The body has to be a JSON object, sent as application/json.'])
})

test('a field that is given twice is told so, with its name', async () => {
  const { status, detail } = await send('POST', '/v1/jobs?token_id=a&token_id=b', 'audio/wav', Buffer.from(toneWav()))
  assert.deepEqual([status, detail], [400, 'token_id: is given more than once'])
})

test('a recording that is sent compressed is refused before its body, with what to do', async () => {
  const headers = { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'audio/wav', 'content-encoding': 'gzip' }
  const response = await fetch(`${system.url}/v1/jobs`, { method: 'POST', headers, body: Buffer.from(toneWav()) })
  const { detail } = (await response.json()) as { detail: string }
  assert.deepEqual([response.status, detail], [415, 'Send the recording as it is, without Content-Encoding (gzip).'])
})

test('the empty fields of a form count as not given, and a job says when it may begin', async () => {
  const notBefore = new Date(Date.now() + 86_400_000).toISOString()
  const form = new FormData()
  for (const name of ['token_id', 'priority', 'callback_url', 'metadata']) form.append(name, '')
  form.append('not_before', notBefore)
  form.append('file', new Blob([Buffer.from(toneWav())]), 'take.wav')
  const headers = { authorization: `Bearer ${TEST_KEY}` }
  const response = await fetch(`${system.url}/v1/jobs`, { method: 'POST', headers, body: form })
  assert.equal(response.status, 202)
  const job = (await response.json()) as Record<string, unknown>
  assert.deepEqual([job.token_id, job.priority, job.not_before], [null, 'normal', notBefore])
})

test('a client that names JSON with every request may cancel without a body', async () => {
  const path = '/v1/jobs/01a201ea-0382-7a2f-8809-6fc5676138e8/cancel'
  assert.equal((await send('POST', path, 'application/json')).code, 'job-not-found')
  assert.equal((await send('POST', path, 'application/json', '{')).code, 'request-invalid')
})
