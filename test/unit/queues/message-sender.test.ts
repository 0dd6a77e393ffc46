import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { createMessageQueue } from '../../../src/queues/message-queue.ts'
import { createSqsCalls } from '../../../src/queues/sqs-calls.ts'
import { createSqsClient } from '../../../src/queues/sqs-client.ts'
import { createTestLog } from '../../contracts/test-log.ts'

interface Entry {
  readonly Id: string
  readonly MessageBody: string
  readonly MessageGroupId?: string
}
interface Reply {
  readonly status: number
  readonly body: object
}

const md5 = (body: string) => createHash('md5').update(body).digest('hex')
const taken = (Entries: readonly Entry[]) =>
  Entries.map(({ Id, MessageBody }) => ({ Id, MessageId: Id, MD5OfMessageBody: md5(MessageBody) }))
const refusal = (code: string, message: string): Reply => ({
  status: 400,
  body: { __type: `com.amazonaws.sqs#${code}`, message },
})

/** An endpoint that answers SendMessageBatch as it is told: for what the emulators never do. */
async function openQueue(answer: (entries: readonly Entry[]) => Reply | undefined) {
  const requests: (readonly Entry[])[] = []
  const server = createServer(async (request, response) => {
    const { Entries } = JSON.parse(await text(request)) as { Entries: Entry[] }
    requests.push(Entries)
    const { status, body } = answer(Entries) ?? { status: 200, body: { Successful: taken(Entries), Failed: [] } }
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = createSqsClient({
    region: 'us-east-1',
    endpoint,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  })
  const calls = createSqsCalls(client)
  after(async () => {
    await calls.close()
    server.close()
  })
  const log = createTestLog()
  const queue = createMessageQueue({ calls, queueUrl: `${endpoint}/0/queue`, visibilityTimeoutS: 30, log })
  const send = async (bodies: readonly string[]) =>
    (await queue.send(bodies.map((body) => ({ body, groupId: 'acme' })))).map((outcome) => outcome?.code)
  return { send, requests, log }
}

test('an endpoint that refuses groups on a standard queue gets the messages without, from then on', async () => {
  const { send, requests, log } = await openQueue((entries) =>
    entries.some(({ MessageGroupId }) => MessageGroupId !== undefined)
      ? refusal(
          'InvalidParameterValue',
          'The request include parameter MessageGroupId that is not valid for this queue type',
        )
      : undefined,
  )
  assert.deepEqual(await send(['a', 'b']), [undefined, undefined])
  assert.equal(requests.length, 2)
  assert.deepEqual(await send(['c']), [undefined])
  assert.equal(requests.length, 3)
  assert.equal(log.lines.length, 1)
})

test('an endpoint that refuses groups entry by entry gets only those again', async () => {
  const { send, requests } = await openQueue((Entries) => {
    const refused = Entries.filter(({ MessageBody, MessageGroupId }) => MessageGroupId && MessageBody === 'b')
    const Failed = refused.map(({ Id }) => ({
      Id,
      SenderFault: true,
      Code: 'InvalidParameterValue',
      Message: 'MessageGroupId is not supported',
    }))
    return { status: 200, body: { Successful: taken(Entries.filter((entry) => !refused.includes(entry))), Failed } }
  })
  assert.deepEqual(await send(['a', 'b', 'c']), [undefined, undefined, undefined])
  assert.deepEqual(
    requests.map((entries) => entries.map(({ MessageBody }) => MessageBody)),
    [['a', 'b', 'c'], ['b']],
  )
})

test('a batch that is refused whole is sent in halves until the message at fault is alone', async () => {
  const { send } = await openQueue((entries) =>
    entries.some(({ MessageBody }) => MessageBody === 'bad')
      ? refusal('InvalidMessageContents', 'Invalid characters found')
      : undefined,
  )
  assert.deepEqual(await send(['a', 'b', 'bad', 'd', 'e']), [
    undefined,
    undefined,
    'message-invalid',
    undefined,
    undefined,
  ])
})

test('a character that SQS refuses and JSON writes raw travels as its escape, and is read as it was', async () => {
  const { send, requests } = await openQueue((entries) =>
    // The characters of the documentation of SendMessage.
    entries.some(({ MessageBody }) => /[^\t\n\r -\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u.test(MessageBody))
      ? refusal('InvalidMessageContents', 'Invalid characters found')
      : undefined,
  )
  const label = 'a\uFFFEb\uFFFFc\uFFFD\u{1FFFF}\uFEFF\u0000\uD800 \\uffff'
  assert.deepEqual(await send([JSON.stringify({ label })]), [undefined])
  assert.deepEqual(JSON.parse(requests[0]?.[0]?.MessageBody ?? ''), { label })
})

test('an entry that fails for a reason that may pass does not end its job', async () => {
  const { send } = await openQueue(([first, ...rest]) => ({
    status: 200,
    body: {
      Successful: taken(rest),
      Failed: [{ Id: first?.Id, SenderFault: true, Code: 'ThrottlingException', Message: 'slow down' }],
    },
  }))
  assert.deepEqual(await send(['a', 'b']), ['queue-unavailable', undefined])
})

for (const [code, status] of [
  ['AccessDeniedException', 403],
  ['KmsDisabled', 400],
  ['AWS.SimpleQueueService.NonExistentQueue', 400],
  ['InternalError', 500],
] as const) {
  test(`${code} is no fault of the messages, and they are not sent one by one`, async () => {
    const { send, requests } = await openQueue(() => ({ ...refusal(code, 'no'), status }))
    assert.deepEqual(await send(['a', 'b', 'c']), Array(3).fill('queue-unavailable'))
    assert.ok(requests.every((entries) => entries.length === 3))
  })
}
