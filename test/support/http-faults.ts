import { once } from 'node:events'
import { createServer, type IncomingMessage, request as requestHttp, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after } from 'node:test'

/** What is answered instead of the endpoint's answer; `cut` ends the connection without one, `hang` leaves it open. */
export type Fault =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body: string }
  | 'cut'
  | 'hang'

export interface FaultyEndpoint {
  readonly url: string
  /** From now on asked for each request; undefined lets it through. */
  setFault(faultOf: (request: IncomingMessage) => Fault | undefined): void
  /** How many requests have met a fault. */
  readonly faults: number
  /** Resolves when so many have. */
  untilFaults(count: number): Promise<void>
}

/** SQS and S3 share an endpoint in tests; only requests of SQS name their action in a header. */
export const isSqs = ({ headers }: IncomingMessage): boolean => headers['x-amz-target'] !== undefined

/** Stands before an S3 and SQS endpoint so that a test can have it refuse, or drop, some requests. */
export async function startFaultyEndpoint(endpoint: string): Promise<FaultyEndpoint> {
  const target = new URL(endpoint)
  let faultOf: (request: IncomingMessage) => Fault | undefined = () => undefined
  let faults = 0
  let changed = Promise.withResolvers<void>()
  const server = createServer((request, response) => {
    const fault = faultOf(request)
    if (fault === undefined) return forward(request, response, target)
    faults += 1
    changed.resolve()
    changed = Promise.withResolvers()
    if (fault === 'cut') return void request.destroy()
    if (fault === 'hang') return void request.resume()
    request.resume().once('end', () => response.writeHead(fault.status, fault.headers).end(fault.body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    setFault(next) {
      faultOf = next
    },
    get faults() {
      return faults
    },
    async untilFaults(count) {
      while (faults < count) await changed.promise
    },
  }
}

function forward(request: IncomingMessage, response: ServerResponse, { hostname, port }: URL): void {
  const { method, url, headers } = request
  const onward = requestHttp({ hostname, port, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  onward.on('error', () => response.destroy())
  response.once('close', () => onward.destroy())
  request.pipe(onward)
}
