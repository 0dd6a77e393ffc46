import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { createMessageReceipts } from '../../../src/queues/message-receipts.ts'
import { createSqsCalls } from '../../../src/queues/sqs-calls.ts'
import { createSqsClient } from '../../../src/queues/sqs-client.ts'
import { createTestLog } from '../../contracts/test-log.ts'

interface Entry {
  readonly Id: string
  readonly ReceiptHandle: string
}
type Failures = readonly { readonly Code: string; readonly SenderFault: boolean; readonly receipt: string }[]

/** An endpoint that takes batches of receipts, and says of some entries, with status 200, that they failed. */
async function openReceipts(failuresOf: (call: number) => Failures | 'hang', giveUp?: AbortSignal) {
  const batches: string[][] = []
  const server = createServer(async (request, response) => {
    const { Entries } = JSON.parse(await text(request)) as { Entries: Entry[] }
    batches.push(Entries.map(({ ReceiptHandle }) => ReceiptHandle))
    const failures = failuresOf(batches.length)
    if (failures === 'hang') return
    const failing = new Map(failures.map((failure) => [failure.receipt, failure]))
    const Failed = Entries.flatMap(({ Id, ReceiptHandle }) => {
      const failure = failing.get(ReceiptHandle)
      return failure === undefined ? [] : [{ Id, Code: failure.Code, SenderFault: failure.SenderFault }]
    })
    const Successful = Entries.filter(({ ReceiptHandle }) => !failing.has(ReceiptHandle)).map(({ Id }) => ({ Id }))
    response
      .writeHead(200, { 'content-type': 'application/x-amz-json-1.0' })
      .end(JSON.stringify({ Successful, Failed }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const client = createSqsClient({ region: 'us-east-1', endpoint, credentials })
  const calls = createSqsCalls(client)
  after(async () => {
    await calls.close()
    server.closeAllConnections()
    server.close()
  })
  const log = createTestLog()
  return { receipts: createMessageReceipts(calls, `${endpoint}/0/queue`, log, giveUp), calls: batches, log }
}

test('of a batch of deletes only the entries that failed are sent again', async () => {
  const { receipts, calls, log } = await openReceipts((call) =>
    call === 1 ? [{ receipt: 'b', Code: 'InternalError', SenderFault: false }] : [],
  )
  await Promise.all(['a', 'b', 'c'].map((receipt) => receipts.delete(receipt)))
  assert.deepEqual(calls, [['a', 'b', 'c'], ['b']])
  assert.deepEqual(log.lines, [])
})

test('a receipt that no longer counts is as good as deleted, and a message that went is told apart', async () => {
  const { receipts, calls } = await openReceipts(() => [
    { receipt: 'gone', Code: 'ReceiptHandleIsInvalid', SenderFault: true },
  ])
  await receipts.delete('gone')
  assert.equal(calls.length, 1)
  assert.deepEqual(await Promise.all([receipts.hide('gone', 30), receipts.hide('ours', 30)]), ['gone', 'done'])
})

test('more than ten receipts go in several batches', async () => {
  const { receipts, calls } = await openReceipts(() => [])
  await Promise.all(Array.from({ length: 25 }, (_, i) => receipts.delete(String(i))))
  assert.ok(calls.every(({ length }) => length <= 10))
  assert.equal(calls.flat().length, 25)
})

test('once it is given up a delete that hangs is waited for no longer, nor tried again', async () => {
  const over = new AbortController()
  const { receipts, calls, log } = await openReceipts(() => {
    over.abort()
    return 'hang'
  }, over.signal)
  await receipts.delete('a')
  await receipts.delete('b')
  assert.deepEqual(calls, [['a']])
  assert.deepEqual(
    log.lines.map(({ sentence }) => sentence),
    Array(2).fill('handled message not deleted, it will come back'),
  )
})
