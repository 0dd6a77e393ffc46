/**
 * Stands before an S3 endpoint that knows no CORS and answers as S3 does for a bucket with one rule: preflights are
 * allowed or refused (403), and answers to an allowed origin carry its headers. It also refuses, as S3 does and
 * emulators do not, what its presigned URL was not signed for.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request as requestHttp, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after } from 'node:test'
import type { CORSRule } from '@aws-sdk/client-s3'
import { corsRuleOf } from '../../infra/bucket-cors.ts'
import { hasValidSignature } from './signature-v4.ts'

export interface CorsProxy {
  readonly url: string
  /** The next PUT of this part is answered 503 and goes no further. */
  failPart(partNumber: number): void
}

/** The rule is the topology's, for pages of this origin; `secret` is what URLs are signed with. */
export async function startCorsProxy(endpoint: string, origin: string, secret: string): Promise<CorsProxy> {
  const rule = corsRuleOf([origin]) ?? assert.fail('an origin has a rule')
  const target = new URL(endpoint)
  const failing = new Set<string>()
  const server = createServer((request, response) => {
    const allowed = allowedOrigin(request, rule)
    if (request.method === 'OPTIONS') return void answerPreflight(request, response, rule, allowed)
    if (allowed !== undefined) setCors(response, rule, allowed)
    const partNumber = new URL(request.url ?? '/', target).searchParams.get('partNumber') ?? ''
    if (failing.delete(partNumber)) return void refuse(request, response, 503, 'SlowDown')
    const { method = '', url = '', headers } = request
    if (!hasValidSignature({ method, url, headers }, secret)) {
      return void refuse(request, response, 403, 'SignatureDoesNotMatch')
    }
    forward(request, response, target)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, failPart: (partNumber) => void failing.add(String(partNumber)) }
}

function allowedOrigin({ headers, method }: IncomingMessage, rule: CORSRule): string | undefined {
  const { origin } = headers
  const asked = method === 'OPTIONS' ? headers['access-control-request-method'] : method
  const allowed = rule.AllowedOrigins?.includes(origin ?? '') && rule.AllowedMethods?.includes(asked ?? '')
  return allowed ? origin : undefined
}

function answerPreflight(
  request: IncomingMessage,
  response: ServerResponse,
  rule: CORSRule,
  origin: string | undefined,
): void {
  const asked = String(request.headers['access-control-request-headers'] ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '')
  if (origin === undefined || !asked.every((name) => rule.AllowedHeaders?.includes(name))) {
    refuse(request, response, 403, 'AccessForbidden')
    return
  }
  setCors(response, rule, origin)
  response.setHeader('access-control-allow-headers', asked.join(', '))
  response.setHeader('access-control-max-age', String(rule.MaxAgeSeconds))
  response.writeHead(200).end()
}

function setCors(response: ServerResponse, rule: CORSRule, origin: string): void {
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('access-control-allow-methods', (rule.AllowedMethods ?? []).join(', '))
  response.setHeader('access-control-expose-headers', (rule.ExposeHeaders ?? []).join(', '))
  response.setHeader('vary', 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method')
}

function refuse(request: IncomingMessage, response: ServerResponse, status: number, code: string): void {
  request.resume()
  request.once('end', () => {
    response.writeHead(status, { 'content-type': 'application/xml' }).end(`<Error><Code>${code}</Code></Error>`)
  })
}

function forward(request: IncomingMessage, response: ServerResponse, { hostname, port }: URL): void {
  const { method, url, headers } = request
  const onward = requestHttp({ hostname, port, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  onward.on('error', () => response.destroy())
  request.pipe(onward)
}
