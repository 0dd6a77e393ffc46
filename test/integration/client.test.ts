import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { createClient } from '../../src/client/tonewire.ts'
import type { JobEvent } from '../../src/client/wire.ts'
import { findFreePort } from '../../src/embedded/free-port.ts'
import { toneWav } from '../support/recordings.ts'
import { openTestPlaces, startTestSystem, TEST_KEY } from '../support/system.ts'

const WAV = toneWav()

/** A server that gives these answers one after the other, and keeps what it was asked. */
async function serve(answers: readonly ((request: IncomingMessage, response: ServerResponse) => void)[]) {
  const asked: IncomingMessage[] = []
  const server = createServer((request, response) => {
    request.resume()
    asked.push(request)
    const answer = answers[asked.length - 1]
    if (answer === undefined) response.destroy()
    else answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

const refuse =
  (status: number, code: string, headers: Record<string, string> = {}) =>
  (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/problem+json', ...headers })
    response.end(JSON.stringify({ code, title: code, detail: 'so it is' }))
  }
const stream =
  (text: string, { broken = false } = {}) =>
  (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(text, () => (broken ? response.destroy() : response.end()))
  }
const step = (id: string, status: string, progress: number): string =>
  `event: ${['completed', 'failed'].includes(status) ? status : 'progress'}\nid: ${id}\ndata: ${JSON.stringify({ job_id: 'j', attempt: 1, status, progress, message: status, at: 'now' })}\n\n`

async function collect(events: AsyncIterable<JobEvent>): Promise<string[]> {
  const seen: string[] = []
  for await (const { event, data } of events) seen.push(`${event} ${data.status ?? ''}`.trim())
  return seen
}

test('follow comes back after 503, 429, a broken connection and an ended stream, and tells each event once', async () => {
  const { url, asked } = await serve([
    refuse(503, 'not-ready', { 'retry-after': '0' }),
    stream(`retry: 1\n\n${step('e.1', 'queued', 40)}${step('e.2', 'forwarded', 60).slice(0, 20)}`, { broken: true }),
    refuse(429, 'rate-limited', { 'retry-after': '0' }),
    stream(`retry: 1\r\n\r\n${step('e.1', 'queued', 40)}${step('e.2', 'forwarded', 60)}id: e.7\n\n`),
    stream(`event: gap\ndata: {"at":"now"}\n\n${step('e.8', 'forwarded', 60)}${step('e.9', 'completed', 100)}`),
  ])
  const retries: number[] = []
  const onRetry = (_cause: unknown, afterMs: number) => void retries.push(afterMs)
  const seen = await collect(createClient({ url }).follow('j', { onRetry }))
  assert.deepEqual(seen, ['progress queued', 'progress forwarded', 'gap', 'completed completed'])
  assert.deepEqual(
    asked.map(({ headers }) => headers['last-event-id']),
    [undefined, undefined, 'e.1', 'e.1', 'e.7'],
  )
  assert.deepEqual([retries[0], retries[2], retries[3]], [0, 0, 1])
})

test('follow goes on over the end of an earlier attempt, and where the server says when to come back', async () => {
  const ended = step('e.1', 'failed', 60)
  const { url, asked } = await serve([
    stream(`retry: 1\n\n${ended}${step('e.2', 'stored', 25)}`),
    stream(`retry: 1\n\n${step('e.3', 'failed', 60)}retry: 1\n\n`),
    stream(`retry: 1\n\n${step('e.4', 'completed', 100)}`),
  ])
  const seen = await collect(createClient({ url }).follow('j'))
  assert.deepEqual(seen, ['failed failed', 'progress stored', 'failed failed', 'completed completed'])
  assert.equal(asked.length, 3)
})

test('follow ends at once where there is nothing more to tell, and throws what does not pass', async () => {
  const { url } = await serve([
    (_request, response) => response.writeHead(204).end(),
    refuse(404, 'job-not-found'),
    refuse(401, 'unauthorized'),
  ])
  const client = createClient({ url })
  assert.deepEqual(await collect(client.follow('j', { cursor: 'e.9' })), [])
  await assert.rejects(collect(client.follow('j')), { name: 'TonewireError', status: 404, code: 'job-not-found' })
  await assert.rejects(collect(client.follow('all')), { status: 401 })
})

test('follow stops waiting as soon as its signal aborts', async () => {
  const { url } = await serve([refuse(503, 'not-ready', { 'retry-after': '3600' })])
  const stopping = new AbortController()
  const onRetry = () => stopping.abort(new Error('enough'))
  await assert.rejects(collect(createClient({ url }).follow('j', { signal: stopping.signal, onRetry })), /enough/)
})

test('an upload is sent again under the same idempotency key until it is taken, and a refusal is final', async () => {
  const taken = (_request: IncomingMessage, response: ServerResponse) =>
    void response.writeHead(202).end('{"job_id":"j"}')
  const { url, asked } = await serve([
    refuse(503, 'database-unavailable', { 'retry-after': '0' }),
    refuse(409, 'idempotency-busy', { 'retry-after': '0' }),
    taken,
    refuse(415, 'upload-not-audio'),
    refuse(503, 'database-unavailable', { 'retry-after': '0' }),
  ])
  const client = createClient({ url, key: 'k' })
  assert.equal((await client.upload(WAV, { metadata: { take: 1 } })).job_id, 'j')
  const keys = asked.map(({ headers }) => headers['idempotency-key'])
  assert.match(String(keys[0]), /^[0-9a-f-]{36}$/)
  assert.deepEqual(keys, [keys[0], keys[0], keys[0]])
  await assert.rejects(client.upload(new Blob([WAV])), { code: 'upload-not-audio' })
  await assert.rejects(client.upload(new Blob([WAV]).stream()), { code: 'database-unavailable' })
  assert.equal(asked.length, 5)
})

test('when the API stops in mid-stream and comes back on its port, every status is told once, in order', async () => {
  const { places, env } = await openTestPlaces()
  const port = String(await findFreePort())
  const setting = { ...env, PORT: port }
  const first = await startTestSystem(['api'], places, setting)
  const client = createClient({ url: first.url, key: TEST_KEY })
  const job = await client.upload(new Blob([WAV]).stream(), { filename: 'take 1.wav', token_id: 'hello' })
  assert.equal((await client.job(job.job_id)).filename, 'take 1.wav')
  const seen: string[] = []
  let second: Promise<unknown> | undefined
  for await (const { data } of client.follow(job.job_id, { cursor: '' })) {
    if (seen.at(-1) !== data.status) seen.push(String(data.status))
    second ??= first
      .stop()
      .then(() => startTestSystem(['api', 'forward', 'analyse', 'record', 'reconcile'], places, setting))
  }
  await second
  assert.deepEqual(seen, ['queued', 'forwarded', 'analysing', 'completed'])
  assert.equal((await client.result(job.job_id)).job_id, job.job_id)
  assert.match(await client.result(job.job_id, 'csv'), /^time_s,f0_hz,intensity_db/)
})
