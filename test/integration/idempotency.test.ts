/** A retried upload with the same Idempotency-Key makes one job, over real HTTP and a real PostgreSQL where there is one. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { test } from 'node:test'
import { toneWav } from '../support/recordings.ts'
import { getJson, OTHER_KEY, openTestPlaces, startTestSystem, TEST_KEY } from '../support/system.ts'
import { multipart } from '../support/uploads.ts'

const { places, env } = await openTestPlaces()
const system = await startTestSystem(['api'], places, env)
const WAV = toneWav()

interface Answer {
  readonly status: number
  readonly replayed: string | null
  readonly retryAfter: string | null
  readonly body: Record<string, unknown>
}

async function send(key: string, body: Uint8Array = WAV, query = '', apiKey = TEST_KEY): Promise<Answer> {
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'audio/wav', 'idempotency-key': key }
  const response = await fetch(`${system.url}/v1/jobs${query}`, { method: 'POST', headers, body: new Uint8Array(body) })
  return {
    status: response.status,
    replayed: response.headers.get('idempotency-replayed'),
    retryAfter: response.headers.get('retry-after'),
    body: (await response.json()) as Record<string, unknown>,
  }
}

const listObjects = async (): Promise<number> => (await system.ports.objects.list('audio/', { limit: 1000 })).length

test('the same key with the same content is the same job, and nothing is stored again', async () => {
  const key = randomUUID()
  const first = await send(key, WAV, '?token_id=a&metadata={"b":1,"a":[2]}')
  const objects = await listObjects()
  const second = await send(key, WAV, '?token_id=a&metadata={"a":[2],"b":1}')
  assert.deepEqual([first.status, first.replayed, second.status, second.replayed], [202, null, 202, 'true'])
  assert.equal(second.body.job_id, first.body.job_id)
  assert.equal(await listObjects(), objects)
})

test('the same recording as a form and as a raw body is the same content', async () => {
  const key = randomUUID()
  const first = await send(key)
  const headers = {
    authorization: `Bearer ${TEST_KEY}`,
    'content-type': 'multipart/form-data; boundary=XBOUNDARYX',
    'idempotency-key': key,
  }
  const body = new Uint8Array(multipart([['file', WAV, 'another-name.wav']]))
  const response = await fetch(`${system.url}/v1/jobs`, { method: 'POST', headers, body })
  assert.equal(response.headers.get('idempotency-replayed'), 'true')
  assert.equal(((await response.json()) as Record<string, unknown>).job_id, first.body.job_id)
})

test('the same key with another recording or other fields is refused, and names what differs', async () => {
  const key = randomUUID()
  await send(key)
  const objects = await listObjects()
  for (const [body, query, named] of [
    [toneWav({ toHz: 300 }), '', /recording/],
    [WAV, '?token_id=other', /token_id/],
    [WAV, '?priority=high', /priority/],
    [WAV, '?metadata={"a":1}', /metadata/],
    [WAV, '?callback_url=https://example.com/hook', /callback_url/],
    [WAV, '?not_before=2026-12-01T00:00:00Z', /not_before/],
  ] as const) {
    const { status, body: problem } = await send(key, body, query)
    assert.deepEqual([status, problem.code], [422, 'idempotency-conflict'])
    assert.match(String(problem.detail), named)
  }
  assert.equal(await listObjects(), objects)
})

test('another owner may use the same key', async () => {
  const key = randomUUID()
  const [mine, theirs] = [await send(key), await send(key, WAV, '', OTHER_KEY)]
  assert.deepEqual([mine.status, theirs.status, theirs.replayed], [202, 202, null])
  assert.notEqual(mine.body.job_id, theirs.body.job_id)
})

test('of twenty twins at once one makes the job; the others get it, or are told to come again', async () => {
  const key = randomUUID()
  const answers = await Promise.all(Array.from({ length: 20 }, () => send(key)))
  const accepted = answers.filter(({ status }) => status === 202)
  assert.equal(new Set(accepted.map(({ body }) => body.job_id)).size, 1)
  assert.equal(accepted.filter(({ replayed }) => replayed === null).length, 1)
  for (const { body, retryAfter } of answers.filter(({ status }) => status !== 202)) {
    assert.equal(body.code, 'idempotency-busy')
    assert.ok(Number(retryAfter) >= 1)
  }
  assert.equal((await send(key)).body.job_id, accepted[0]?.body.job_id)
})

test('an upload that broke off lets its key go: the retry makes a new job', async () => {
  const key = randomUUID()
  const { hostname, port } = new URL(system.url)
  const socket = connect(Number(port), hostname)
  socket.write(
    `POST /v1/jobs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TEST_KEY}\r\ncontent-type: audio/wav\r\n` +
      `idempotency-key: ${key}\r\ncontent-length: ${WAV.length}\r\n\r\n`,
  )
  socket.write(WAV.subarray(0, 2000))
  const broken = await untilListed('uploading')
  assert.equal((await send(key)).body.code, 'idempotency-busy')
  socket.destroy()
  await untilListed('failed', broken)
  const retry = await send(key)
  assert.deepEqual([retry.status, retry.replayed], [202, null])
  assert.notEqual(retry.body.job_id, broken)
})

test('a key that is empty, too long or not visible text is refused', async () => {
  for (const key of ['a'.repeat(256), '\u00e4']) {
    const { status, body } = await send(key)
    assert.deepEqual([status, body.code], [400, 'request-invalid'])
  }
  assert.equal((await send('a'.repeat(255))).status, 202)
})

/** The id of the newest job of `acme` in this status, as soon as there is one. */
async function untilListed(status: string, jobId?: string): Promise<string> {
  for (;;) {
    const { body } = await getJson(`${system.url}/v1/jobs?status=${status}&limit=100`)
    const items = body.items as { job_id: string }[]
    const found = items.find((item) => jobId === undefined || item.job_id === jobId)
    if (found !== undefined) return found.job_id
  }
}
