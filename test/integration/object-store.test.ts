import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, describe, test } from 'node:test'
import { CreateBucketCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { findFreePort } from '../../src/embedded/free-port.ts'
import { createMemoryBudget } from '../../src/storage/memory-budget.ts'
import { createObjectStore, createS3Client } from '../../src/storage/object-store.ts'
import { describeObjectStore } from '../contracts/object-store.ts'
import { chunked, newObjectKey, plainOptions } from '../contracts/object-store-bodies.ts'
import { startTestAws } from '../support/aws.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const aws = await startTestAws()
const { region } = aws
const { credentials } = aws.client
const { bucket } = aws
const s3 = createS3Client({ region, endpoint: aws.endpoint, credentials })
after(() => s3.destroy())
await s3.send(new CreateBucketCommand({ Bucket: bucket }))
const budget = createMemoryBudget(64 * 1024 * 1024)
const UNAVAILABLE = { name: 'AppError', code: 'storage-unavailable' }

describeObjectStore('objects in S3', async () => {
  const uploads = watchUploads(s3)
  return {
    store: createObjectStore(s3, bucket, { budget }),
    typeOf: async (key) => (await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }))).ContentType,
    openUploads: async () => [...uploads],
    close: async () => {},
  }
})

describe('an outage of S3', () => {
  const storeAt = (port: number) => {
    const client = createS3Client({ region, endpoint: `http://127.0.0.1:${port}`, credentials })
    after(() => client.destroy())
    return createObjectStore(client, bucket, { budget })
  }

  test('from every method, when nobody listens', async () => {
    const store = storeAt(await findFreePort())
    const body = chunked(randomBytes(6 * 1024 * 1024))
    const calls = [
      store.put('a', chunked(randomBytes(10)), plainOptions()),
      store.put('b', body, plainOptions()),
      store.putBytes('c', randomBytes(1), 'text/plain'),
      store.get('a'),
      store.delete('a'),
      store.check(),
    ]
    await Promise.all(calls.map((call) => assert.rejects(call, UNAVAILABLE)))
    assert.ok(body.destroyed)
  })

  test('a bucket that is not there is one too', async () => {
    const store = createObjectStore(s3, `${bucket}-missing`, { budget })
    await assert.rejects(store.check(), UNAVAILABLE)
    await assert.rejects(store.put('a', chunked(randomBytes(10)), plainOptions()), UNAVAILABLE)
  })

  test('when it goes in the middle of an upload, the put ends, the body is destroyed, and later puts work', async () => {
    const proxy = await startTcpProxy(Number(new URL(aws.endpoint).port))
    const store = storeAt(proxy.port)
    const body = new PassThrough()
    const key = newObjectKey()
    const outcome = assert.rejects(store.put(key, body, plainOptions()), UNAVAILABLE)
    await writeUntilRead(body, 8 * 1024 * 1024)
    await proxy.stop()
    body.end(randomBytes(3 * 1024 * 1024))
    await outcome
    assert.ok(body.destroyed)
    await proxy.start()
    await store.put(key, chunked(Buffer.from('again')), plainOptions())
    assert.equal((await buffer(await store.get(key))).toString(), 'again')
  })

  test('a download cut off half-way fails as an outage, never as a shorter object', async () => {
    const server = await listen(
      createServer((_request, response) => {
        response.writeHead(200, { 'content-length': '1000000' })
        response.write(randomBytes(70_000))
        setImmediate(() => response.destroy())
      }),
    )
    const body = await storeAt(server).get('a')
    await assert.rejects(buffer(body), UNAVAILABLE)
  })

  test('an S3 that refuses a part ends the put, though the client goes on sending', async () => {
    const server = await listen(
      createServer((request, response) => {
        request.resume()
        const starting = request.method === 'POST'
        response.writeHead(starting ? 200 : 403, { 'content-type': 'application/xml' })
        response.end(starting ? '<R><UploadId>u</UploadId></R>' : '<Error><Code>AccessDenied</Code></Error>')
      }),
    )
    const endless = Readable.from(endlessBytes(), { objectMode: false })
    await assert.rejects(storeAt(server).put('a', endless, plainOptions()), UNAVAILABLE)
    assert.ok(endless.destroyed)
  })

  test('an S3 that never answers does not hold back an abort', async () => {
    const asked = Promise.withResolvers<void>()
    const server = await listen(createServer(() => asked.resolve()))
    const controller = new AbortController()
    const put = storeAt(server).put('a', chunked(randomBytes(10)), { contentType: 'a/b', signal: controller.signal })
    await asked.promise
    controller.abort(new Error('enough'))
    await assert.rejects(put, /enough/)
  })
})

/** The uploads begun and not ended, as the answers of S3 tell; fauxqs cannot list them. */
function watchUploads(client: S3Client): Set<string> {
  const open = new Set<string>()
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const answer = await next(args)
      const begun = (answer.output as { UploadId?: string }).UploadId
      const { UploadId: named = '' } = args.input as { UploadId?: string }
      if (context.commandName === 'CreateMultipartUploadCommand' && begun !== undefined) open.add(begun)
      if (/^(Abort|Complete)MultipartUploadCommand$/.test(context.commandName ?? '')) open.delete(named)
      return answer
    },
    { step: 'initialize', name: 'watchUploads' },
  )
  return open
}

async function* endlessBytes() {
  for (;;) yield Buffer.alloc(65_536)
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** Writes and waits until all of it has been taken. */
async function writeUntilRead(body: PassThrough, bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes; sent += 65_536) {
    if (!body.write(randomBytes(65_536))) await once(body, 'drain')
  }
}
