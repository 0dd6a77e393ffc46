/**
 * S3 and SQS in a process of their own, behind a door that can be shut for each of them: `away` cuts every connection,
 * `throttled` answers as AWS does when it is asked too much, `broken` as when it is ill.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startAwsEmulator } from '../../src/embedded/aws-emulator.ts'

export type Door = 'open' | 'away' | 'throttled' | 'broken'
export interface Doors {
  readonly s3: Door
  readonly sqs: Door
}

let doors: Doors = { s3: 'open', sqs: 'open' }
const emulator = await startAwsEmulator()
const target = new URL(emulator.endpoint)

const isSqs = ({ headers }: IncomingMessage): boolean =>
  `${headers['x-amz-target']}`.startsWith('AmazonSQS') || /\/sqs\//.test(headers.authorization ?? '')

function answer(incoming: IncomingMessage, response: ServerResponse): void {
  const service = isSqs(incoming) ? 'sqs' : 's3'
  const door = doors[service]
  if (door === 'open') passOn(incoming, response)
  else if (door === 'away') incoming.socket.destroy()
  else refuse(incoming, response, service, door)
}

function passOn(incoming: IncomingMessage, response: ServerResponse): void {
  const { method, url, headers } = incoming
  const onward = request({ host: target.hostname, port: target.port, method, path: url, headers })
  onward.on('response', (answered) => {
    response.writeHead(answered.statusCode ?? 502, answered.rawHeaders)
    answered.pipe(response)
    answered.on('error', () => response.destroy())
  })
  onward.on('error', () => response.destroy())
  incoming.on('error', () => onward.destroy())
  response.on('close', () => onward.destroy())
  incoming.pipe(onward)
}

/** S3 speaks XML, SQS JSON; the body is read to its end, as AWS does. */
function refuse(incoming: IncomingMessage, response: ServerResponse, service: string, door: Door): void {
  incoming.resume()
  const code = door === 'throttled' ? (service === 'sqs' ? 'ThrottlingException' : 'SlowDown') : 'ServiceUnavailable'
  const body =
    service === 'sqs'
      ? JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message: code })
      : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`
  const type = service === 'sqs' ? 'application/x-amz-json-1.0' : 'application/xml'
  response.writeHead(service === 'sqs' && door === 'throttled' ? 400 : 503, { 'content-type': type }).end(body)
}

const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, answer)
server.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
})
process.on('message', (given: Doors) => {
  doors = given
  // Those who wait in a long poll are cut too.
  if (given.s3 === 'away' || given.sqs === 'away') server.closeAllConnections()
  process.send?.({ doors })
})
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'))
