import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { createSqsCalls } from '../../../src/queues/sqs-calls.ts'
import { createSqsClient } from '../../../src/queues/sqs-client.ts'
import { SqsError } from '../../../src/queues/sqs-errors.ts'

interface Call {
  readonly request: IncomingMessage
  readonly body: string
}
type Answer = (call: Call, response: ServerResponse, nth: number) => void

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'a secret', sessionToken: 'a session' }

/** An endpoint that answers as it is told. */
async function openEndpoint(answer: Answer) {
  const calls: Call[] = []
  const server = createServer(async (request, response) => {
    const call = { request, body: await text(request) }
    calls.push(call)
    answer(call, response, calls.length)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = createSqsClient({ region: 'eu-west-1', endpoint, credentials })
  const sqs = createSqsCalls(client)
  after(async () => {
    await sqs.close()
    client.destroy()
    server.closeAllConnections()
    server.close()
  })
  return { sqs, client, calls, endpoint, server }
}

const queueUrl = 'http://queues.invalid/000000000000/queue'
const attributes = { QueueUrl: queueUrl }
const says = (response: ServerResponse, status: number, body: object | string, headers = {}) =>
  response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body))

test('a call goes to the endpoint that was given, as SQS reads it, and its answer comes back', async () => {
  const { sqs, calls } = await openEndpoint((_, response) => says(response, 200, { Attributes: { Policy: 'é' } }))
  const answer = await sqs.call('GetQueueAttributes', { QueueUrl: queueUrl, AttributeNames: ['Policy'] })
  assert.deepEqual(answer, { Attributes: { Policy: 'é' } })
  const [{ request, body }] = calls as [Call]
  assert.equal(`${request.method} ${request.url}`, 'POST /')
  assert.equal(request.headers['content-type'], 'application/x-amz-json-1.0')
  assert.equal(request.headers['x-amz-target'], 'AmazonSQS.GetQueueAttributes')
  assert.deepEqual(JSON.parse(body), { QueueUrl: queueUrl, AttributeNames: ['Policy'] })
})

test('a call is signed by Signature Version 4, over its body and the session it is of', async () => {
  const { sqs, calls } = await openEndpoint((_, response) => says(response, 200, ''))
  assert.deepEqual(await sqs.call('DeleteMessageBatch', { QueueUrl: queueUrl, Entries: [] }), {})
  const [{ request, body }] = calls as [Call]
  const { authorization = '', 'x-amz-date': at = '' } = request.headers
  assert.equal(request.headers['x-amz-security-token'], 'a session')
  const [, scope, names = '', signature] =
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/(\S+), SignedHeaders=(\S+), Signature=(\w+)$/.exec(authorization) ?? []
  assert.equal(scope, `${String(at).slice(0, 8)}/eu-west-1/sqs/aws4_request`)
  for (const name of ['host', 'x-amz-date', 'x-amz-security-token', 'x-amz-target']) assert.match(names, RegExp(name))
  const sha256 = (data: string) => createHash('sha256').update(data).digest('hex')
  const headers = names.split(';').map((name) => `${name}:${request.headers[name]}\n`)
  const canonical = ['POST', '/', '', headers.join(''), names, sha256(body)].join('\n')
  const signed = ['AWS4-HMAC-SHA256', at, scope, sha256(canonical)].join('\n')
  const keys = [...(scope ?? '').split('/'), signed]
  const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest()
  const expected = keys.reduce<string | Buffer>((key, data) => hmac(key, data), `AWS4${credentials.secretAccessKey}`)
  assert.equal(signature, expected.toString('hex'))
})

test('what may pass is asked once more, and what SQS refuses is not', async () => {
  const answers: readonly [status: number, body: object | string, tries: number, says: RegExp][] = [
    [503, '<html>Service Unavailable</html>', 2, /answered 503 without a code: <html>/],
    [400, { __type: 'com.amazonaws.sqs#RequestThrottled', message: 'slow down' }, 2, /RequestThrottled: slow down/],
    [403, { __type: 'AccessDeniedException', Message: 'no' }, 1, /403 AccessDeniedException: no/],
    [400, { __type: 'com.amazonaws.sqs#QueueDoesNotExist', message: 'none' }, 1, /QueueDoesNotExist AWS\.Simple/],
  ]
  for (const [status, body, tries, sentence] of answers) {
    const names = { 'x-amzn-query-error': 'AWS.SimpleQueueService.NonExistentQueue;Sender' }
    const headers = String(sentence).includes('Simple') ? names : {}
    const { sqs, calls } = await openEndpoint((_, response) => says(response, status, body, headers))
    const failure = await sqs.call('GetQueueAttributes', attributes).catch((error: unknown) => error)
    assert.ok(failure instanceof SqsError)
    assert.match(failure.message, sentence)
    assert.equal(calls.length, tries, String(sentence))
  }
})

test('a connection that ends without an answer costs one more try', async () => {
  const { sqs, calls } = await openEndpoint(({ request }, response, nth) =>
    nth === 1 ? request.socket.destroy() : says(response, 200, { Attributes: {} }),
  )
  assert.deepEqual(await sqs.call('GetQueueAttributes', attributes), { Attributes: {} })
  assert.equal(calls.length, 2)
})

test('an endpoint that does not answer is waited for as long as was said, and no longer', async () => {
  const { sqs, calls } = await openEndpoint(() => {})
  await assert.rejects(sqs.call('GetQueueAttributes', attributes, { timeoutMs: 50 }), /Timeout/)
  assert.equal(calls.length, 2)
})

test('a call that is given up ends its connection and is not tried again', async () => {
  const given = new AbortController()
  const closed = Promise.withResolvers<void>()
  const { sqs, calls } = await openEndpoint(({ request }) => {
    request.socket.once('close', () => closed.resolve())
    given.abort(new Error('no longer wanted'))
  })
  await assert.rejects(sqs.call('ReceiveMessage', attributes, { signal: given.signal }), /no longer wanted/)
  await closed.promise
  assert.equal(calls.length, 1)
})

test('a clock that is far off is set by what SQS says of the time', async () => {
  const hour = 3600_000
  const { sqs, calls } = await openEndpoint((_, response, nth) =>
    nth === 1
      ? says(
          response,
          403,
          { __type: 'InvalidSignatureException' },
          { date: new Date(Date.now() + hour).toUTCString() },
        )
      : says(response, 200, { Attributes: {} }),
  )
  await sqs.call('GetQueueAttributes', attributes)
  const [first, second] = calls.map(({ request }) => String(request.headers['x-amz-date']))
  const toMs = (text = '') => Date.parse(text.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'))
  assert.ok(Math.abs(toMs(second) - toMs(first) - hour) < 60_000, `${first} → ${second}`)
})

test('an answer of ten messages of 1 MiB each is read, whatever of them is escaped', async () => {
  const Body = '"\u00fc\u007f'.repeat(2 ** 18)
  assert.equal(Buffer.byteLength(Body), 2 ** 20)
  const asEscapes = JSON.stringify({ Messages: Array(10).fill({ Body }) }).replaceAll(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  const { sqs } = await openEndpoint((_, response) => says(response, 200, asEscapes))
  const { Messages = [] } = await sqs.call('ReceiveMessage', attributes)
  assert.deepEqual(
    Messages.map((message) => message.Body === Body),
    Array(10).fill(true),
  )
})
