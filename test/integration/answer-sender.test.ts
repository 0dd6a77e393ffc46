import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { checkSignature, readSignature } from '../../src/domain/webhook-signature.ts'
import { type AnswerSenderOptions, createAnswerSender } from '../../src/legacy/answer-sender.ts'
import { createTestLog } from '../contracts/test-log.ts'

const never = new AbortController().signal
const SECRET = 'a secret of sixteen'
const webhookOf = (base: string) => `${base}/webhooks/analysis?job_id=1`

async function listen(answer: (request: IncomingMessage, response: ServerResponse, body: string) => void) {
  const server = createServer((request, response) => {
    void text(request).then((body) => answer(request, response, body))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function open(webhookUrl: string | undefined, options: Partial<AnswerSenderOptions> = {}) {
  const usual = { secret: SECRET, log: createTestLog(), tries: 3, backoff: { baseMs: 5, maxMs: 10 } }
  const sender = createAnswerSender({ webhookUrl: () => webhookUrl, ...usual, ...options })
  after(() => sender.close())
  return sender
}

test('an answer arrives signed, as the API checks it', async () => {
  const { promise, resolve } = Promise.withResolvers<[string, string]>()
  const base = await listen((request, response, body) => {
    response.writeHead(200).end()
    resolve([String(request.headers['x-signature']), body])
  })
  assert.equal(await open(base).send(webhookOf(base), '{"a":"é"}', never), 'taken')
  const [header, body] = await promise
  checkSignature(readSignature(header, Date.now() / 1000), SECRET, Buffer.from(body))
})

test('what may pass is tried again, signed anew; a refusal is not; and it is given up in the end', async () => {
  for (const [statuses, outcome] of [
    [[503, 408, 200], 'taken'],
    [[500, 500, 500], 'given-up'],
    [[401], 'refused'],
    [[429, 404], 'refused'],
    [[302], 'refused'],
  ] as const) {
    let count = 0
    const base = await listen((_, response) => void response.writeHead(statuses[count++] ?? 599).end())
    assert.equal(await open(base).send(webhookOf(base), '{}', never), outcome, statuses.join())
    assert.equal(count, statuses.length, statuses.join())
  }
})

test('an API that hangs, or is not there, is tried again and given up', async () => {
  let count = 0
  const base = await listen(() => {
    count += 1
  })
  assert.equal(await open(base, { timeoutMs: 50 }).send(webhookOf(base), '{}', never), 'given-up')
  assert.equal(count, 3)
  assert.equal(await open('http://127.0.0.1:1').send(webhookOf('http://127.0.0.1:1'), '{}', never), 'given-up')
})

test('nothing but the webhook of the API is called, whatever an order names', async () => {
  const calls: string[] = []
  const base = await listen((request, response) => {
    calls.push(String(request.url))
    response.end()
  })
  const sender = open(`${base}/api`)
  for (const url of [
    `${base}/other`,
    `${base}/api`,
    `${base}/api/../other`,
    `${base}/api/v1/keys?job_id=1`,
    `${base}/api/webhooks/analysis/more?job_id=1`,
    webhookOf(base),
    `${base}/apix/a`,
    webhookOf(`${base}/api`).replace('127.0.0.1', 'localhost'),
    webhookOf(`${base}/api`).replace('http://', 'http://user:pass@'),
    webhookOf(`${base}/api`).replace('http', 'https'),
    'file:///etc/passwd',
    'not a url',
    '',
  ]) {
    assert.deepEqual([sender.mayCall(url, '1'), await sender.send(url, '{}', never)], [false, 'refused'], url)
  }
  const own = webhookOf(`${base}/api`)
  for (const [url, mayCall] of [
    [own, true],
    [`${own}&attempt=2`, true],
    [own.replace('=1', '=2'), false],
    [`${own}&job_id=2`, false],
    [own.replace('?job_id=1', ''), false],
  ] as const) {
    assert.equal(sender.mayCall(url, '1'), mayCall, url)
  }
  assert.equal(await sender.send(own, '{}', never), 'taken')
  assert.equal(open(undefined).mayCall(own, '1'), false)
  assert.deepEqual(calls, ['/api/webhooks/analysis?job_id=1'])
})

test('a stop breaks off a send, also between two tries', async () => {
  const stopping = new AbortController()
  const base = await listen((_, response) => {
    response.writeHead(503).end()
    setImmediate(() => stopping.abort(new Error('stopping')))
  })
  const sender = open(base, { backoff: { baseMs: 60_000, maxMs: 60_000 } })
  await assert.rejects(sender.send(webhookOf(base), '{}', stopping.signal), /stopping/)
})
