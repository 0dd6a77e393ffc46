/**
 * The hot path into S3: a PUT of known length over a kept-alive connection, without the SDK.
 *
 *   connect → write, as fast as S3 takes it and the body comes → answer
 *
 * Only waiting for S3 is timed; how slow a body may be is its sender's business. What fails by the network or by a
 * status that passes is tried again on a connection of its own, while the body can be sent from its start.
 */
import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import type { ObjectSigner } from './object-signing.ts'
import type { ReplayableBody } from './replayable-body.ts'
import { toStorageError } from './storage-errors.ts'
import { createWaitClock, type WaitClock } from './wait-clock.ts'

export interface PutRequest {
  readonly key: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body: ReplayableBody
}

export interface ObjectRequests {
  /**
   * The ETag. Throws `storage-unavailable`, what the body throws, or the signal's reason; nothing was stored then,
   * unless only the answer was lost.
   */
  put(request: PutRequest, signal: AbortSignal): Promise<string | undefined>
}

/** Each upload that stalls half-way holds a connection of its own, so the bound is far above what one process serves. */
const MAX_SOCKETS = 2048
const MAX_ATTEMPTS = 3
const CONNECT_MS = 2_000
const MAX_ERROR_BYTES = 64 * 1024

export function createObjectRequests(signer: ObjectSigner): ObjectRequests {
  const options = { keepAlive: true, maxSockets: MAX_SOCKETS, maxFreeSockets: 64, scheduling: 'lifo' } as const
  const agents: Agents = { http: new HttpAgent(options), https: new HttpsAgent(options) }
  return {
    put: async (request, signal) => {
      for (let attempt = 1; ; attempt += 1) {
        // A dead kept-alive connection is seldom alone: who tries again opens its own.
        const used = attempt === 1 ? agents : undefined
        try {
          return await sendOnce(signer, used, request, signal)
        } catch (error) {
          signal.throwIfAborted()
          if (!(error instanceof RequestFailure)) throw error
          const again = error.passing && request.body.canReplay() && attempt < MAX_ATTEMPTS
          if (!again) throw toStorageError(error)
          if (!error.staleConnection) await delay(50 * 2 ** attempt * Math.random())
        }
      }
    },
  }
}

interface Agents {
  readonly http: HttpAgent
  readonly https: HttpsAgent
}

/** What went wrong between us and S3, as against what went wrong with the body. */
class RequestFailure extends Error {
  readonly passing: boolean
  readonly staleConnection: boolean

  constructor(message: string, { passing = true, staleConnection = false, cause }: FailureFacts = {}) {
    super(message, { cause })
    this.name = 'RequestFailure'
    this.passing = passing
    this.staleConnection = staleConnection
  }
}

interface FailureFacts {
  readonly passing?: boolean
  readonly staleConnection?: boolean
  readonly cause?: unknown
}

async function sendOnce(
  signer: ObjectSigner,
  agents: Agents | undefined,
  { key, query = {}, headers = {}, body }: PutRequest,
  signal: AbortSignal,
): Promise<string | undefined> {
  const length = { 'content-length': String(body.bytes) }
  const signed = await signer.sign({ method: 'PUT', key, query, headers: { ...headers, ...length } }).catch((cause) => {
    throw new RequestFailure('the request could not be signed', { passing: false, cause })
  })
  signal.throwIfAborted()
  const { protocol, hostname, port } = signed.url
  const secure = protocol === 'https:'
  const agent = agents === undefined ? false : secure ? agents.https : agents.http
  const options = { method: 'PUT', protocol, hostname: hostname.replace(/^\[|\]$/g, ''), port, path: signed.path }
  const request = (secure ? requestHttps : requestHttp)({ ...options, headers: signed.headers, agent, signal })
  boundConnecting(request, secure)
  try {
    return await exchange(request, body)
  } catch (error) {
    request.destroy()
    throw error
  }
}

/** Resolves with the ETag of a 2xx that came after the whole body. */
async function exchange(request: ClientRequest, body: ReplayableBody): Promise<string | undefined> {
  const clock = createWaitClock()
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    // Stays: a request that is torn down may fail more than once.
    request.on('error', (cause) => {
      reject(new RequestFailure(cause.message, { staleConnection: request.reusedSocket, cause }))
    })
  })
  const sent = sendBody(request, body, clock)
  await Promise.race([sent, answer])
  const response = await clock.wait(answer).catch(asFailure)
  const text = await clock.wait(readSmall(response)).catch(asFailure)
  const status = response.statusCode ?? 0
  if (status < 200 || status > 299) throw refusal(status, text)
  if (!request.writableFinished) throw new RequestFailure(`answered ${status} before the whole body was sent`)
  return response.headers.etag
}

async function sendBody(request: ClientRequest, body: ReplayableBody, clock: WaitClock): Promise<void> {
  for await (const chunk of body.open()) {
    if (request.destroyed) return
    if (!request.write(chunk)) await clock.wait(drained(request)).catch(asFailure)
  }
  request.end()
}

/** Until there is room to write again, or the request is over. */
function drained(request: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      request.off('drain', done).off('close', done)
      resolve()
    }
    request.on('drain', done).on('close', done)
  })
}

async function readSmall(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= MAX_ERROR_BYTES) chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function refusal(status: number, body: string): RequestFailure {
  const code = /<Code>([^<]{1,100})<\/Code>/.exec(body)?.[1] ?? 'unknown'
  const passing = status >= 500 || status === 429 || /^(RequestTimeout|SlowDown|InternalError)/.test(code)
  return new RequestFailure(`S3 answered ${status} ${code}`, { passing })
}

function boundConnecting(request: ClientRequest, secure: boolean): void {
  request.once('socket', (socket) => {
    if (!socket.connecting) return
    const late = setTimeout(() => request.destroy(new Error('connecting took too long')), CONNECT_MS)
    const clear = () => clearTimeout(late)
    socket.once(secure ? 'secureConnect' : 'connect', clear).once('close', clear)
  })
}

function asFailure(cause: unknown): never {
  if (cause instanceof RequestFailure) throw cause
  throw new RequestFailure(cause instanceof Error ? cause.message : String(cause), { cause })
}
