import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, describe, test } from 'node:test'
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import type { ObjectSize } from '../../src/ports/object-store.ts'
import { createMemoryBudget } from '../../src/storage/memory-budget.ts'
import { createObjectSigner } from '../../src/storage/object-signing.ts'
import { createObjectStore, createS3Client } from '../../src/storage/object-store.ts'
import { chunked, newObjectKey, plainOptions, writeAll } from '../contracts/object-store-bodies.ts'
import { startTestAws } from '../support/aws.ts'
import { hasValidSignature } from '../support/signature-v4.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const MIB = 1024 * 1024
const UNAVAILABLE = { name: 'AppError', code: 'storage-unavailable' }
const SECRET = 'a/secret+key'
const credentials = { accessKeyId: 'AKID', secretAccessKey: SECRET, sessionToken: 'a/session+token==' }
const ODD_KEY = `a b/é語🎵/!"#$%&'()*+,;=?@[]^\`{|}~/%2F%25/../x//y.wav`
const exact = (bytes: number): ObjectSize => ({ bytes, exact: true })

function storeAt(port: number) {
  const s3 = createS3Client({ region: 'eu-west-1', endpoint: `http://127.0.0.1:${port}`, credentials })
  after(() => s3.destroy())
  return createObjectStore(s3, 'some-bucket', { budget: createMemoryBudget(32 * MIB) })
}

describe('requests to S3', () => {
  test('carry a signature that S3 accepts, for odd keys, with session tokens, whole and in parts', async () => {
    const seen: string[] = []
    const port = await listen(async (request, response) => {
      await buffer(request)
      seen.push(`${request.method} ${(request.url ?? '').split('?')[0]}`)
      if (request.method === 'PUT') assert.equal(request.headers['x-amz-security-token'], credentials.sessionToken)
      const valid = request.method !== 'PUT' || hasValidSignature(received(request), SECRET)
      if (!valid) return void response.writeHead(403).end('<Error><Code>SignatureDoesNotMatch</Code></Error>')
      response.setHeader('etag', '"e"')
      const root = request.url?.includes('uploads') ? 'InitiateMultipartUploadResult' : 'CompleteMultipartUploadResult'
      response.end(request.method === 'POST' ? `<${root}><UploadId>a/b+c=</UploadId><ETag>e</ETag></${root}>` : '')
    })
    await storeAt(port).put(ODD_KEY, chunked(randomBytes(10)), plainOptions(exact(10)))
    await storeAt(port).put(ODD_KEY, chunked(randomBytes(9 * MIB)), plainOptions(exact(9 * MIB)))
    assert.equal(new Set(seen.map((line) => line.split(' ')[1])).size, 1, 'the SDK and we agree on the path')
    assert.equal(seen.length, 5)
  })

  test('a link carries a signature that S3 accepts', async () => {
    const link = await storeAt(1).presignGet(ODD_KEY, { expiresInS: 60, filename: `a "b" (é).wav` })
    const { host } = new URL(link)
    const url = link.slice(`http://${host}`.length)
    assert.ok(hasValidSignature({ method: 'GET', url, headers: { host } }, SECRET))
    assert.ok(!hasValidSignature({ method: 'GET', url: url.replace('60', '61'), headers: { host } }, SECRET))
    assert.match(url, /X-Amz-Security-Token=a%2Fsession%2Btoken%3D%3D/)
  })

  test('a link is for the public address where there is one', async () => {
    const s3 = createS3Client({ region: 'eu-west-1', endpoint: 'http://127.0.0.1:1', credentials })
    const publicEndpoint = 'https://files.example:8443'
    const store = createObjectStore(s3, 'some-bucket', { budget: createMemoryBudget(MIB), publicEndpoint })
    const link = await store.presignGet('a/b', { expiresInS: 1, filename: null })
    assert.ok(link.startsWith('https://files.example:8443/some-bucket/a/b?'))
  })

  test('at AWS they go to the address that the SDK uses too', async () => {
    const sent = Promise.withResolvers<{ hostname: string; path: string }>()
    const handle = async (request: { hostname: string; path: string }) => {
      sent.resolve(request)
      throw new Error('far enough')
    }
    const s3 = new S3Client({ region: 'eu-west-1', credentials, maxAttempts: 1, requestHandler: { handle } as never })
    await assert.rejects(s3.send(new PutObjectCommand({ Bucket: 'some-bucket', Key: ODD_KEY, Body: 'x' })))
    const signed = await createObjectSigner(s3, 'some-bucket').sign({ method: 'PUT', key: ODD_KEY })
    const { hostname, path } = await sent.promise
    assert.equal(hostname, 'some-bucket.s3.eu-west-1.amazonaws.com')
    assert.deepEqual([signed.url.host, signed.path], [hostname, path])
    assert.ok(hasValidSignature({ method: 'PUT', url: signed.path, headers: signed.headers }, SECRET))
  })

  test('a kept-alive connection that S3 has reset costs nothing while little was sent', async () => {
    const bodies: Buffer[] = []
    const used = new WeakSet<Socket>()
    const port = await listen(async (request, response) => {
      if (used.has(request.socket)) return void request.socket.resetAndDestroy()
      used.add(request.socket)
      bodies.push(await buffer(request))
      response.end()
    })
    const store = storeAt(port)
    const bytes = randomBytes(50_000)
    for (let i = 0; i < 5; i += 1) await store.put(`k${i}`, chunked(bytes, 7001), plainOptions(exact(bytes.length)))
    assert.equal(bodies.length, 5)
    for (const body of bodies) assert.ok(body.equals(bytes))
  })

  test('a connection reset when much was sent fails the put: a stream cannot be sent twice', async () => {
    const port = await listen((request) => {
      let bytes = 0
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > 200_000) request.socket.resetAndDestroy()
      })
    })
    const body = chunked(randomBytes(MIB))
    await assert.rejects(storeAt(port).put('k', body, plainOptions(exact(MIB))), UNAVAILABLE)
    assert.ok(body.destroyed)
  })

  test('what is in memory is sent again when S3 asks to slow down', async () => {
    const bodies: Buffer[] = []
    const port = await listen(async (request, response) => {
      bodies.push(await buffer(request))
      if (bodies.length < 3) response.writeHead(503).end('<Error><Code>SlowDown</Code></Error>')
      else response.end()
    })
    const bytes = randomBytes(MIB)
    await storeAt(port).put('k', chunked(bytes), plainOptions({ bytes: MIB + 60, exact: false }))
    assert.equal(bodies.length, 3)
    assert.ok(bodies.every((body) => body.equals(bytes)))
  })

  test('a refusal in the middle ends the put at once, and only one is sent', async () => {
    let requests = 0
    const port = await listen((request, response) => {
      requests += request.method === 'PUT' ? 1 : 0
      response.writeHead(request.method === 'PUT' ? 403 : 204).end()
    })
    const body = new PassThrough()
    // The newest chunk is held back until it is known not to be one too many.
    body.write(randomBytes(1000))
    setImmediate(() => body.write(randomBytes(1000)))
    await assert.rejects(storeAt(port).put('k', body, plainOptions(exact(MIB))), UNAVAILABLE)
    assert.ok(body.destroyed)
    assert.equal(requests, 1)
  })
})

describe('parts left by uploads that broke off', () => {
  test('are dropped when they are old, page after page, and one that is gone meanwhile is no failure', async () => {
    const old = (key: string) => upload(key, '2026-01-01T00:00:00.000Z')
    const first = `${old('a')}${old('gone')}<IsTruncated>true</IsTruncated><NextKeyMarker>gone</NextKeyMarker>`
    const second = `${old('b')}${upload('young', '2026-01-03T00:00:00.000Z')}<IsTruncated>false</IsTruncated>`
    const dropped: string[] = []
    const port = await listen((request, response) => {
      const url = new URL(request.url ?? '', 'http://s3')
      if (request.method === 'GET') {
        const page = url.searchParams.get('key-marker') === 'gone' ? second : first
        return void response.end(`<ListMultipartUploadsResult>${page}</ListMultipartUploadsResult>`)
      }
      dropped.push(`${request.method} ${url.pathname} ${url.searchParams.get('uploadId')}`)
      if (!url.pathname.endsWith('gone')) return void response.writeHead(204).end()
      response.writeHead(404).end('<Error><Code>NoSuchUpload</Code></Error>')
    })
    assert.equal(await storeAt(port).abortStaleUploads(new Date('2026-01-02')), 3)
    assert.deepEqual(
      dropped,
      ['a', 'gone', 'b'].map((key) => `DELETE /some-bucket/${key} id-${key}`),
    )
  })

  test('are left to the lifecycle rule where S3 cannot list them; any other failure is one', async () => {
    const answering = async (status: number, code: string) =>
      storeAt(await listen((_, response) => void response.writeHead(status).end(`<Error><Code>${code}</Code></Error>`)))
    assert.equal(await (await answering(501, 'NotImplemented')).abortStaleUploads(new Date()), 0)
    assert.equal(await (await answering(405, 'MethodNotAllowed')).abortStaleUploads(new Date()), 0)
    await assert.rejects((await answering(403, 'AccessDenied')).abortStaleUploads(new Date()), UNAVAILABLE)
  })
})

function upload(key: string, initiated: string): string {
  return `<Upload><Key>${key}</Key><UploadId>id-${key}</UploadId><Initiated>${initiated}</Initiated></Upload>`
}

describe('S3 that dies in the middle of a body', async () => {
  const aws = await startTestAws()
  const { region, endpoint } = aws
  const s3 = createS3Client({ region, endpoint, credentials: aws.client.credentials })
  after(() => s3.destroy())
  await s3.send(new CreateBucketCommand({ Bucket: aws.bucket }))
  const sizes: Readonly<Record<string, [ObjectSize, number]>> = {
    'of exact size in one request': [exact(4 * MIB), 2 * MIB],
    'of exact size in parts': [exact(17 * MIB), 12 * MIB],
    'with a bound': [{ bytes: 17 * MIB, exact: false }, 4 * MIB],
  }
  for (const [what, [size, sentBytes]] of Object.entries(sizes)) {
    test(`${what} fails the put, which leaves nothing and can be done again`, async () => {
      const proxy = await startTcpProxy(Number(new URL(endpoint).port))
      const client = createS3Client({
        region,
        endpoint: `http://127.0.0.1:${proxy.port}`,
        credentials: aws.client.credentials,
      })
      after(() => client.destroy())
      const store = createObjectStore(client, aws.bucket, { budget: createMemoryBudget(32 * MIB) })
      const key = newObjectKey()
      const body = new PassThrough()
      const outcome = assert.rejects(store.put(key, body, plainOptions(size)), UNAVAILABLE)
      await writeAll(body, Buffer.alloc(sentBytes))
      await proxy.stop()
      body.on('error', () => {})
      body.write(Buffer.alloc(64 * 1024))
      await outcome
      assert.ok(body.destroyed)
      await proxy.start()
      assert.equal(await store.head(key), undefined)
      await store.put(key, Readable.from([Buffer.from('again')]), plainOptions(exact(5)))
      assert.deepEqual(await store.head(key), { sizeBytes: 5 })
    })
  }
})

async function listen(handler: RequestListener): Promise<number> {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

function received({ method = '', url = '', headers }: IncomingMessage) {
  return { method, url, headers }
}
