import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { createUuidV7 } from '../../src/domain/ids.ts'
import { checkSignature, readSignature } from '../../src/domain/webhook-signature.ts'
import { findFreePort } from '../../src/embedded/free-port.ts'
import { createArrivals } from '../contracts/arrivals.ts'
import { startTestAws } from '../support/aws.ts'
import { startProcess, waitForReady } from '../support/processes.ts'

const SECRET = 'a secret of sixteen'
/** A process that starts on two busy cores takes its time. */
const START_MS = 120_000
const KEY = 'audio/acme/2026/11/21/take.wav'
const aws = await startTestAws()
const s3 = new S3Client(aws.client)
after(() => s3.destroy())
await s3.send(new CreateBucketCommand({ Bucket: aws.bucket }))
const Body = readFileSync(new URL('../../examples/recordings/number-it.wav', import.meta.url))
await s3.send(new PutObjectCommand({ Bucket: aws.bucket, Key: KEY, Body }))

const answers = createArrivals<Record<string, unknown>>()
/** As the API, when nobody says otherwise. */
let reply = (response: ServerResponse): void => void response.writeHead(200).end('{}')
const api = createServer((request, response) => {
  void text(request).then((body) => {
    checkSignature(readSignature(String(request.headers['x-signature']), Date.now() / 1000), SECRET, Buffer.from(body))
    answers.add(JSON.parse(body))
    reply(response)
  })
}).listen(0, '127.0.0.1')
await once(api, 'listening')
after(() => {
  api.closeAllConnections()
  api.close()
})
const WEBHOOK_URL = `http://127.0.0.1:${(api.address() as AddressInfo).port}`
const env = { ...aws.env, S3_BUCKET: aws.bucket, WEBHOOK_URL, WEBHOOK_SECRET: SECRET, ANALYSIS_THREADS: '1' }

async function start(more: Record<string, string> = {}) {
  const port = await findFreePort()
  const server = startProcess(['workers/analysis-server.ts'], { ...env, PORT: String(port), ...more })
  const url = `http://127.0.0.1:${port}`
  await waitForReady(`${url}/readyz`, START_MS)
  const post = async (order: unknown, path = '/analyse') => {
    const body = typeof order === 'string' ? order : JSON.stringify(order)
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${url}${path}`, { method: 'POST', headers, body })
    return { status: response.status, headers: response.headers, body: await response.text() }
  }
  return { server, url, post }
}

function orderOf(fields: Record<string, unknown> = {}) {
  const job_id = createUuidV7(Date.now())
  return {
    ...{ version: 1, job_id, attempt: 1, owner: 'acme', token_id: 'greeting-1', s3_textgrid_url: null },
    ...{ s3_audio_url: `s3://${aws.bucket}/${KEY}`, s3_pitch_url: null },
    callback_url: `${WEBHOOK_URL}/webhooks/analysis?job_id=${job_id}`,
    ...fields,
  }
}
const endOf = async ({ job_id }: { job_id: unknown }) => {
  const isEnd = (one: Record<string, unknown>) => one.job_id === job_id && one.type !== 'progress'
  await answers.until(() => answers.items.some(isEnd))
  return answers.items.filter(isEnd)
}

const shared = await start()

test('with S3 and a secret alone it takes an order, answers it signed, and stops with what it holds finished', async () => {
  const { server, post, url } = await start()
  assert.equal((await fetch(`${url}/livez`)).status, 200)
  const order = orderOf({ token_id: 42 })
  assert.equal((await post(order)).status, 202)
  const [answer] = await endOf(order)
  const result = answer?.result as Record<string, unknown> | undefined
  assert.deepEqual([answer?.type, result?.token_id], ['completed', '42'])
  const last = orderOf()
  assert.equal((await post(last, '/any/path')).status, 202)
  assert.deepEqual(await server.kill('SIGTERM'), { code: 0, signal: null })
  assert.equal((await endOf(last)).length, 1)
})

test('garbage, and an order whose answer would go elsewhere, is refused', async () => {
  const { post } = shared
  const metadata = 'http://169.254.169.254/latest/meta-data'
  for (const order of ['', 'not json', '{}', orderOf({ version: 2 })]) {
    const { status, body } = await post(order)
    assert.equal(status, 422, body)
  }
  // Nothing that ends the job: it says something of the installation, and nothing of the recording.
  for (const callback_url of [null, metadata, `${WEBHOOK_URL}.example.com/x`]) {
    const { status, body } = await post(orderOf({ callback_url }))
    assert.equal(status, 403, body)
  }
  assert.equal((await post('x'.repeat(100_000))).status, 413)
})

test('what it cannot analyse, and what lies elsewhere, it answers as failed', async () => {
  const { post } = shared
  const orders = [
    orderOf({ s3_audio_url: `s3://${aws.bucket}/audio/acme/none.wav` }),
    orderOf({ s3_audio_url: `s3://${aws.bucket}/audio/other/take.wav` }),
  ]
  for (const order of orders) assert.equal((await post(order)).status, 202)
  const codes = await Promise.all(
    orders.map(async (order) => ((await endOf(order))[0]?.error as { code: string } | undefined)?.code),
  )
  assert.deepEqual(codes, ['object-not-found', 'message-invalid'])
})

test('an API that is away gets the answer when it is back, and one that hangs does not hold up the stop', async () => {
  const { server, post } = await start({ STOP_TIMEOUT_S: '1' })
  let isAway = true
  reply = (response) => void response.writeHead(isAway ? 503 : 200).end()
  const order = orderOf()
  await post(order)
  await endOf(order)
  isAway = false
  await answers.until(
    () => answers.items.filter(({ job_id, type }) => job_id === order.job_id && type === 'completed').length > 1,
  )
  reply = () => {}
  const hanging = orderOf()
  await post(hanging)
  await endOf(hanging)
  assert.equal((await server.kill('SIGTERM')).code, 0)
})

test('above what it may hold it says when to come back', async () => {
  const { post } = shared
  reply = () => {}
  const statuses: number[] = []
  while (!statuses.includes(503) && statuses.length < 40) statuses.push((await post(orderOf())).status)
  assert.deepEqual([statuses.filter((status) => status === 202).length, statuses.at(-1)], [26, 503])
  const { headers } = await post(orderOf())
  assert.equal(headers.get('retry-after'), '5')
})

test('without the address of the API it refuses to start, with a sentence', async () => {
  const { WEBHOOK_URL: _, ...without } = env
  const server = startProcess(['workers/analysis-server.ts'], without)
  assert.deepEqual(await server.ended, { code: 1, signal: null })
  assert.match(server.output(), /needs WEBHOOK_URL/)
})
