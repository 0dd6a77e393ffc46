/** The bucket's CORS rule, against a server that keeps one configuration and answers as S3 does. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { S3Client } from '@aws-sdk/client-s3'
import { ensureBucketCors } from '../../infra/bucket-cors.ts'
import { TOPOLOGY } from '../../infra/topology.ts'

const ORIGINS = ['https://app.example', 'http://localhost:5173']
const NONE =
  '<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchCORSConfiguration</Code><Message>None</Message></Error>'
const OTHERS =
  '<CORSRule><ID>theirs</ID><AllowedOrigin>https://other.example</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>'
const configurationOf = (rules: string) =>
  `<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${rules}</CORSConfiguration>`

/** S3's `?cors` of one bucket; `changes` are the requests that changed it. */
async function startBucket(configuration?: string) {
  const changes: { method: string; path: string; body: string }[] = []
  let kept = configuration
  const server = createServer(async (request, response) => {
    const { method = '', url: path = '' } = request
    const body = await request.reduce((text: string, chunk: Buffer) => text + chunk, '')
    if (method !== 'GET') {
      changes.push({ method, path, body })
      kept = method === 'PUT' ? body : undefined
      return void response.writeHead(method === 'PUT' ? 200 : 204).end()
    }
    response.writeHead(kept === undefined ? 404 : 200, { 'content-type': 'application/xml' }).end(kept ?? NONE)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const s3 = new S3Client({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    forcePathStyle: true,
  })
  after(() => {
    s3.destroy()
    server.close()
  })
  return { changes, ensure: (origins: readonly string[]) => ensureBucketCors(s3, 'recordings', origins) }
}

/** The texts of an element, in their order. */
function textsOf(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, text]) => text ?? '')
}

test('the rule lets pages of these origins, and no others, PUT, GET and HEAD, and read the ETag', async () => {
  const { changes, ensure } = await startBucket()
  assert.equal(await ensure(ORIGINS), true)
  const [{ method, path, body } = { method: '', path: '', body: '' }, ...more] = changes
  assert.deepEqual([method, new URL(path, 'http://x').pathname, more], ['PUT', '/recordings/', []])
  assert.ok(new URL(path, 'http://x').searchParams.has('cors'))
  assert.match(body, /<CORSConfiguration xmlns="http:\/\/s3\.amazonaws\.com\/doc\/2006-03-01\/">/)
  assert.equal(body.match(/<CORSRule>/g)?.length, 1)
  assert.deepEqual(textsOf(body, 'AllowedOrigin'), ORIGINS)
  assert.deepEqual(textsOf(body, 'AllowedMethod'), ['PUT', 'GET', 'HEAD'])
  assert.deepEqual(textsOf(body, 'AllowedHeader'), [...TOPOLOGY.bucket.cors.requestHeaders])
  assert.ok(textsOf(body, 'ExposeHeader').includes('ETag'))
  assert.deepEqual(textsOf(body, 'MaxAgeSeconds'), [String(TOPOLOGY.bucket.cors.maxAgeS)])
})

test('a repeat writes nothing, and other origins replace the rule', async () => {
  const { changes, ensure } = await startBucket()
  await ensure(ORIGINS)
  assert.equal(await ensure(ORIGINS), false)
  assert.equal(changes.length, 1)
  assert.equal(await ensure(['https://new.example']), true)
  assert.deepEqual(textsOf(changes[1]?.body ?? '', 'AllowedOrigin'), ['https://new.example'])
})

test('rules that are not ours are kept, with ours and without it', async () => {
  const { changes, ensure } = await startBucket(configurationOf(OTHERS))
  await ensure(ORIGINS)
  assert.deepEqual(textsOf(changes[0]?.body ?? '', 'AllowedOrigin'), ['https://other.example', ...ORIGINS])
  assert.equal(await ensure([]), true)
  assert.deepEqual(textsOf(changes[1]?.body ?? '', 'AllowedOrigin'), ['https://other.example'])
  assert.equal(await ensure([]), false)
})

test('without origins our rule goes, and with it the whole configuration where there was no other', async () => {
  const { changes, ensure } = await startBucket()
  assert.equal(await ensure([]), false)
  await ensure(ORIGINS)
  assert.equal(await ensure([]), true)
  assert.deepEqual(
    changes.map(({ method }) => method),
    ['PUT', 'DELETE'],
  )
})
