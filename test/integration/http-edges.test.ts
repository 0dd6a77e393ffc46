import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openEvents } from '../support/events.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { openRawHttp } from '../support/raw-http.ts'
import { toneWav } from '../support/recordings.ts'
import { getJson, openTestPlaces, startTestSystem, TEST_KEY, uploadRaw } from '../support/system.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const { places, env } = await openTestPlaces()
const system = await startTestSystem(['api'], places, { ...env, UPLOAD_TIMEOUT_S: '1' })
const AUTH = `authorization: Bearer ${TEST_KEY}\r\n`

const converse = (text: string) => openRawHttp(system.url, text).done

test('what is not HTTP, or too much of it, is answered with a problem all the same', async () => {
  const get = (rest: string): string => `GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${rest}\r\n`
  const cases: [string, number, string][] = [
    ['NONSENSE\r\n\r\n', 400, 'request-invalid'],
    [get(`x-long: ${'a'.repeat(20_000)}\r\n`), 413, 'request-too-large'],
    [get('expect: the-unexpected\r\n'), 417, 'expectation-unknown'],
    [get('').replace('/livez', '/v1/jobs/%ZZ'), 400, 'request-invalid'],
    [get(AUTH).replace('/livez', `/${'a'.repeat(300)}/upload-audio`), 404, 'route-not-found'],
  ]
  for (const [text, status, code] of cases) {
    const answer = await converse(text)
    assert.match(answer.head, /content-type: application\/problem\+json/i, answer.head)
    assert.match(answer.head, /x-request-id: \S/i)
    const problem = JSON.parse(answer.body) as Record<string, unknown>
    assert.deepEqual([problem.status, problem.code], [answer.status, code], text.slice(0, 60))
    assert.ok(answer.status === status || answer.status === 414, `${answer.status}`)
  }
})

test('a client that stalls is answered 408 wherever it stalls, also before its file has begun', async () => {
  const head = (type: string): string =>
    `POST /v1/jobs HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${AUTH}content-type: ${type}\r\ncontent-length: 100000\r\n\r\n`
  const multipart = 'multipart/form-data; boundary=B'
  const stalls = [
    head('audio/wav'),
    `${head('audio/wav')}RIFF`,
    head(multipart),
    `${head(multipart)}--B\r\nContent-Disposition: form-data; name="token_id"\r\n\r\nhalf`,
    `${head(multipart)}--B\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n`,
  ]
  const answers = await Promise.all(stalls.map(converse))
  assert.deepEqual(
    answers.map(({ status, body }) => [status, (JSON.parse(body) as { code: string }).code]),
    stalls.map(() => [408, 'upload-expired']),
  )
  assert.deepEqual(
    (await system.ports.jobs.countByStatus()).filter(({ count }) => count > 0),
    [],
  )
})

test('an id in capitals is the same id', async () => {
  const job = (await (await uploadRaw(system.url, toneWav())).json()) as { job_id: string }
  assert.equal((await getJson(`${system.url}/v1/jobs/${job.job_id.toUpperCase()}`)).body.job_id, job.job_id)
})

test('a stream asked for while the database is away is told when to come back, not refused', {
  skip: skipWithoutPostgres,
}, async () => {
  const { url } = await createTestDatabase()
  const proxy = await startTcpProxy(Number(new URL(url).port))
  const through = new URL(url)
  through.port = String(proxy.port)
  const other = await startTestSystem(['api'], { ...places, database: { url: through.href } }, env)
  const job = (await (await uploadRaw(other.url, toneWav())).json()) as { job_id: string }
  await proxy.stop()
  const stream = await openEvents(`${other.url}/v1/jobs/${job.job_id}/events`, TEST_KEY)
  await stream.ended
  assert.equal(stream.status, 200)
  assert.match(stream.text(), /^retry: \d+\n\n$/)
  await other.stop()
})
