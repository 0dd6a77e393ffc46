/**
 * An S3 that keeps no bytes: it reads what comes as fast as it can, and knows only the sizes of its objects and which
 * multipart uploads are open. A body that is cut off leaves nothing, as in S3. `GET /-/state` tells what there is.
 */
import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SinkState {
  /** Bytes of each object. */
  readonly objects: Readonly<Record<string, number>>
  /** Keys of multipart uploads that were neither completed nor aborted. */
  readonly uploads: readonly string[]
}

interface OpenUpload {
  readonly key: string
  readonly parts: Map<string, number>
}

const objects = new Map<string, number>()
const uploads = new Map<string, OpenUpload>()

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://sink')
  const uploadId = searchParams.get('uploadId')
  const bytes = await countBytes(request)
  if (pathname === '/-/state') return void response.end(JSON.stringify(stateNow()))
  response.setHeader('etag', `"${createHash('md5').update(pathname).digest('hex')}"`)
  if (request.method === 'PUT')
    return put(response, pathname, bytes, { uploadId, part: searchParams.get('partNumber') })
  if (request.method === 'DELETE') return remove(response, pathname, uploadId)
  if (request.method === 'POST') return post(response, pathname, uploadId)
  response.statusCode = request.method === 'HEAD' ? 200 : 404
  response.end()
}

function put(
  response: ServerResponse,
  key: string,
  bytes: number,
  { uploadId, part }: { uploadId: string | null; part: string | null },
): void {
  if (uploadId === null) objects.set(key, bytes)
  else if (!uploads.has(uploadId)) response.statusCode = 404
  else uploads.get(uploadId)?.parts.set(part ?? '', bytes)
  response.end()
}

function remove(response: ServerResponse, key: string, uploadId: string | null): void {
  if (uploadId === null) objects.delete(key)
  else uploads.delete(uploadId)
  response.writeHead(204).end()
}

function post(response: ServerResponse, key: string, uploadId: string | null): void {
  response.setHeader('content-type', 'application/xml')
  if (uploadId === null) {
    const started = randomUUID()
    uploads.set(started, { key, parts: new Map() })
    const result = `<UploadId>${started}</UploadId>`
    return void response.end(`<InitiateMultipartUploadResult>${result}</InitiateMultipartUploadResult>`)
  }
  const sizes = [...(uploads.get(uploadId)?.parts.values() ?? [])]
  uploads.delete(uploadId)
  objects.set(
    key,
    sizes.reduce((sum, size) => sum + size, 0),
  )
  response.end('<CompleteMultipartUploadResult><ETag>"0"</ETag></CompleteMultipartUploadResult>')
}

/** Throws when the body is cut off. */
async function countBytes(request: IncomingMessage): Promise<number> {
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) bytes += chunk.length
  return bytes
}

function stateNow(): SinkState {
  return { objects: Object.fromEntries(objects), uploads: [...uploads.values()].map(({ key }) => key) }
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  answer(request, response).catch(() => response.destroy())
})
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }))
})
process.once('SIGTERM', () => process.exit(0))
