import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { after, test } from 'node:test'
import type { AnalysisRequest } from '../../src/domain/messages.ts'
import { type AnalysisServerOptions, createAnalysisServer } from '../../src/legacy/analysis-server.ts'
import { createTestLog } from '../contracts/test-log.ts'
import { startServer } from '../support/direct-system.ts'

const never = new AbortController().signal
const ORDER: AnalysisRequest = {
  ...{ version: 1, job_id: '019aa7de-6f2b-7c3e-9a55-0c2f6a1b2c3d', attempt: 1, owner: 'acme', token_id: '42' },
  ...{ s3_audio_url: 's3://bucket/audio/acme/a.wav', s3_textgrid_url: null, s3_pitch_url: null },
  callback_url: 'http://api/webhooks/analysis?job_id=019aa7de-6f2b-7c3e-9a55-0c2f6a1b2c3d',
}
const statusOf = (status: number) => (_: unknown, response: ServerResponse) => void response.writeHead(status).end()

function open(url: string | undefined, options: Partial<AnalysisServerOptions> = {}) {
  const counted: string[] = []
  const metrics = {
    count: (name: string, labels = {}) => void counted.push([name, ...Object.values(labels)].join(' ')),
    observe: () => {},
  }
  const usual = { concurrency: 10, timeoutMs: 2000, integerTokenIds: false, retryPauseMs: 10, log: createTestLog() }
  const webhookUrl = () => 'https://api.example/base/'
  const server = createAnalysisServer({ ...usual, url: () => url, webhookUrl, metrics, ...options })
  after(() => server.close())
  return { submit: (signal = never) => server.submit(ORDER, signal), server, counted }
}

test('an order is posted as JSON in the first shape, and any 2xx accepts it', async () => {
  const { url, orders } = await startServer(statusOf(204))
  assert.deepEqual(await open(url).submit(), { kind: 'accepted', status: 204 })
  assert.deepEqual(orders, [ORDER])
})

test('the answer goes to the webhook of this API, for the job by its id, and a later attempt by its number', () => {
  const { server } = open('http://127.0.0.1:1')
  const first = 'https://api.example/base/webhooks/analysis?job_id=a-job'
  assert.deepEqual([server.callbackUrlOf('a-job', 1), server.callbackUrlOf('a-job', 2)], [first, `${first}&attempt=2`])
})

for (const status of [400, 413, 415, 422]) {
  test(`${status} refuses the recording, and is not tried again`, async () => {
    const { url, orders } = await startServer(statusOf(status))
    const answer = await open(url).submit()
    assert.deepEqual([answer.kind, orders.length], ['refused', 1])
  })
}

for (const status of [302, 401, 403, 404, 409]) {
  test(`${status} says nothing of the recording: unavailable, and not tried again`, async () => {
    const { url, orders } = await startServer((_, response) => {
      response.writeHead(status, { location: '/elsewhere' }).end()
    })
    assert.deepEqual(await open(url).submit(), { kind: 'unavailable', status, detail: `it answered ${status}` })
    assert.equal(orders.length, 1)
  })
}

for (const status of [408, 429, 500, 503]) {
  test(`${status} is tried once more, and the second answer counts`, async () => {
    const { url, orders } = await startServer((order, response, count) =>
      statusOf(count === 1 ? status : 202)(order, response),
    )
    const { submit, counted } = open(url)
    assert.deepEqual(await submit(), { kind: 'accepted', status: 202 })
    assert.deepEqual([orders.length, counted], [2, ['direct_calls retried']])
    const always = await startServer(statusOf(status))
    assert.equal((await open(always.url).submit()).kind, 'unavailable')
    assert.equal(always.orders.length, 2)
  })
}

test('a server that hangs is given up after its time, twice, and its connection is closed', async () => {
  const { url, orders } = await startServer(() => {})
  const beganMs = performance.now()
  const answer = await open(url, { timeoutMs: 150 }).submit()
  assert.deepEqual([answer.kind, orders.length], ['unavailable', 2])
  assert.match('detail' in answer ? answer.detail : '', /no answer within 0.15 s/)
  assert.ok(performance.now() - beganMs < 5000)
})

test('a server that refuses the connection, or ends it without an answer, is unavailable', async () => {
  const closed = createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as AddressInfo
  closed.close()
  await once(closed, 'close')
  const refused = await open(`http://127.0.0.1:${port}/`).submit()
  assert.deepEqual(refused, { kind: 'unavailable', status: null, detail: 'ECONNREFUSED' })
  const cutting = createServer((socket) => void socket.destroy()).listen(0, '127.0.0.1')
  await once(cutting, 'listening')
  after(() => cutting.close())
  const cut = await open(`http://127.0.0.1:${(cutting.address() as AddressInfo).port}/`).submit()
  assert.equal(cut.kind, 'unavailable')
})

test('a body that never ends is not waited for: the status is the answer', async () => {
  const { url } = await startServer((_, response) => void response.writeHead(202).write('.'))
  assert.equal((await open(url).submit()).kind, 'accepted')
  const flood = await startServer((_, response) => {
    const pour = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    }
    response.writeHead(202).on('drain', pour)
    pour()
  })
  assert.equal((await open(flood.url).submit()).kind, 'accepted')
})

test('above its places an order is not tried, and the place of one that ended is free again', async () => {
  const answers: ServerResponse[] = []
  const { promise: arrived, resolve } = Promise.withResolvers<void>()
  const { url, orders } = await startServer((_, response) => {
    answers.push(response)
    resolve()
  })
  const { submit } = open(url, { concurrency: 1 })
  const first = submit()
  await arrived
  assert.deepEqual(await submit(), { kind: 'full' })
  answers[0]?.writeHead(202).end()
  assert.equal((await first).kind, 'accepted')
  const again = submit()
  while (answers.length < 2) await new Promise(setImmediate)
  answers[1]?.writeHead(202).end()
  assert.deepEqual([(await again).kind, orders.length], ['accepted', 2])
})

test('an order that is broken off rejects with the reason, at once, also in the pause before the second try', async () => {
  const reason = new Error('stopping')
  for (const onOrder of [() => {}, statusOf(500)]) {
    const stopping = new AbortController()
    const { url } = await startServer((order, response) => {
      onOrder(order, response)
      setImmediate(() => stopping.abort(reason))
    })
    const { submit } = open(url, { timeoutMs: 60_000, retryPauseMs: 60_000 })
    await assert.rejects(submit(stopping.signal), (error) => error === reason)
  }
})

test('token ids of digits are numbers for an old server that asks for them, which is counted', async () => {
  const { url, orders } = await startServer(statusOf(202))
  const { server, counted } = open(url, { integerTokenIds: true })
  for (const token_id of ['42', '007', 'greeting-1', '9007199254740993', null]) {
    await server.submit({ ...ORDER, token_id }, never)
  }
  assert.deepEqual(
    orders.map(({ token_id }) => token_id),
    [42, 7, 'greeting-1', '9007199254740993', null],
  )
  assert.equal(counted.filter((name) => name === 'legacy_use integer-token-id').length, 2)
})

test('without an address there is no direct route, and nothing is called', async () => {
  const { server, submit } = open(undefined, { webhookUrl: () => undefined })
  assert.deepEqual([server.isConfigured, server.callbackUrlOf('a', 1)], [false, null])
  assert.equal((await submit()).kind, 'unavailable')
})
