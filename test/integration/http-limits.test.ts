import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { pino } from 'pino'
import { createOpsApp } from '../../src/http/app.ts'
import { openRawHttp } from '../support/raw-http.ts'
import { toneWav } from '../support/recordings.ts'
import { getJson, OTHER_KEY, openTestPlaces, startTestSystem, TEST_KEY, uploadRaw } from '../support/system.ts'

const { places, env } = await openTestPlaces()
const system = await startTestSystem(['api'], places, {
  ...env,
  RATE_LIMIT_REQUESTS_PER_S: '1',
  MAX_UPLOADS_PER_OWNER: '1',
  MAX_UNFINISHED_JOBS_PER_OWNER: '2',
  HEADERS_TIMEOUT_S: '1',
})
const AUTH = `authorization: Bearer ${TEST_KEY}\r\n`

function open(text: string) {
  const { socket, done } = openRawHttp(system.url, text)
  const codeOf = (body: string) => (JSON.parse(body) as { code: string }).code
  return { socket, done: done.then(({ status, body }) => ({ status, code: codeOf(body) })) }
}

test('headers that come too slowly, are too large or too many are answered with a problem', async () => {
  const start = 'GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n'
  const many = Array.from({ length: 150 }, (_, i) => `x-${i}: 1\r\n`).join('')
  assert.deepEqual(await open(`${start}x-slow: 1\r\n`).done, { status: 408, code: 'upload-expired' })
  assert.deepEqual(await open(`${start}x: ${'a'.repeat(20_000)}\r\n\r\n`).done, {
    status: 413,
    code: 'request-too-large',
  })
  assert.deepEqual(await open(`${start}${many}\r\n`).done, { status: 413, code: 'request-too-large' })
})

test('a body that is read whole may have a mebibyte', async () => {
  const app = createOpsApp({
    checks: {},
    isStopping: () => false,
    renderMetrics: async () => ({ contentType: 'text/plain', text: '' }),
    metricsToken: undefined,
    onLoopback: true,
    logger: pino({ level: 'silent' }),
  })
  app.post('/length', async (request) => ({ length: (request.body as string[])[0]?.length }))
  const post = (length: number) => app.inject({ method: 'POST', url: '/length', payload: ['a'.repeat(length)] })
  assert.equal((await post(1024 ** 2 - 4)).statusCode, 200)
  const refused = await post(1024 ** 2)
  assert.deepEqual([refused.statusCode, refused.json().code], [413, 'request-too-large'])
  await app.close()
})

test('one upload more than an owner may have at once is refused', async () => {
  const head = `POST /v1/jobs HTTP/1.1\r\nhost: x\r\n${AUTH}content-type: audio/wav\r\ncontent-length: 100000\r\n\r\n`
  const { socket, done } = open(head)
  socket.write(toneWav({ seconds: 0.1 }))
  // It is admitted before its row is made.
  while ((await system.ports.jobs.countUnfinished('acme', 1)) === 0) await turn()
  const refused = await uploadRaw(system.url, toneWav({ seconds: 0.1 }))
  assert.equal(refused.status, 429)
  assert.equal(refused.headers.get('retry-after'), '2')
  assert.equal(((await refused.json()) as { code: string }).code, 'too-many-uploads')
  socket.destroy()
  await done.catch(() => {})
})

test('unfinished jobs are limited, and others are not held up by it', async () => {
  const answers = []
  for (let i = 0; i < 3; i += 1)
    answers.push(await uploadRaw(system.url, toneWav({ seconds: 0.1 }), { key: OTHER_KEY }))
  assert.deepEqual(
    answers.map(({ status }) => status),
    [202, 202, 429],
  )
  assert.equal(((await answers[2]!.json()) as { code: string }).code, 'too-many-jobs')
  assert.equal(answers[2]!.headers.get('retry-after'), '10')
  for (const { headers } of answers) assert.equal(headers.get('ratelimit-limit'), '10')
})

test('requests are counted in RateLimit headers, refused with Retry-After, and public routes are free', async () => {
  const path = `${system.url}/v1/jobs/01900000-0000-7000-8000-000000000000`
  let answer = await getJson(path)
  assert.equal(answer.headers.get('ratelimit-policy'), '10;w=10')
  assert.equal(answer.headers.get('ratelimit-limit'), '10')
  while (answer.status !== 429) {
    assert.equal(answer.status, 404)
    answer = await getJson(path)
  }
  assert.equal(answer.body.code, 'rate-limited')
  assert.equal(answer.headers.get('ratelimit-remaining'), '0')
  assert.ok(Number(answer.headers.get('retry-after')) >= 1)
  const alive = await fetch(`${system.url}/livez`)
  assert.deepEqual([alive.status, alive.headers.get('ratelimit-limit')], [200, null])
})
