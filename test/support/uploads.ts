/** Uploads that no well-behaved client library would send. */
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { TEST_KEY } from './system.ts'

/** A multipart body of these parts, in their order. */
export function multipart(
  parts: readonly [name: string, value: string | Buffer, filename?: string][],
  boundary = 'XBOUNDARYX',
): Buffer {
  const blocks = parts.map(([name, value, filename]) => {
    const disposition = `form-data; name="${name}"${filename === undefined ? '' : `; filename="${filename}"`}`
    return Buffer.concat([
      Buffer.from(`--${boundary}\r\nContent-Disposition: ${disposition}\r\n\r\n`),
      Buffer.from(value as string),
      Buffer.from('\r\n'),
    ])
  })
  return Buffer.concat([...blocks, Buffer.from(`--${boundary}--\r\n`)])
}

/** Sends the beginning of an upload, waits until the server has begun with it, and cuts the connection. */
export async function sendHalf(
  url: string,
  contentType: string,
  head: Buffer,
  begun: () => Promise<void>,
): Promise<void> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const { promise: sent, resolve } = Promise.withResolvers<void>()
  socket.write(
    `POST /v1/jobs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TEST_KEY}\r\ncontent-type: ${contentType}\r\ncontent-length: 19244\r\n\r\n`,
  )
  socket.write(head, () => resolve())
  await sent
  await begun()
  socket.destroy()
}

/** Sends a body without waiting for the answer, as a plain client does, and reads what comes. */
export function sendLarge(url: string, head: Buffer, bytes: number): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>()
  const headers = { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'audio/wav', 'content-length': bytes }
  const request = httpRequest(`${url}/v1/jobs`, { method: 'POST', headers }, (response) => {
    let body = ''
    response.setEncoding('utf8')
    response.on('data', (chunk) => {
      body += chunk
    })
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
  })
  request.on('error', reject)
  request.write(head)
  request.end(Buffer.alloc(bytes - head.length))
  return promise
}
