/** The only translator of errors to `application/problem+json` (RFC 9457). */
import { randomUUID } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AppError, ERRORS, type ErrorCode } from '../domain/errors.ts'
import { SECURITY_HEADERS } from './security-headers.ts'
import { sendRetryLater } from './sse.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What to send, as a 415 says it (default: application/json). */
    takes?: string
  }
}

/** The same for what never became a request: written to the response, or the socket, by hand. */
export function formatRawProblem(error: AppError): { status: number; headers: Record<string, string>; body: string } {
  const problem = toProblem(error, randomUUID())
  const body = JSON.stringify(problem)
  const headers = {
    ...SECURITY_HEADERS,
    'content-type': 'application/problem+json',
    'content-length': String(Buffer.byteLength(body)),
    'x-request-id': problem.request_id,
    connection: 'close',
  }
  return { status: problem.status, headers, body }
}

/** How long a client should wait before it tries again, where trying again can help. */
const RETRY_AFTER_S = 5

/** Every 429 and 503, also one that a stream is refused with for good: pollers get it too. And what else passes. */
export function carriesRetryAfter(code: ErrorCode): boolean {
  const { status, retry } = ERRORS[code]
  return status === 429 || status === 503 || (status < 500 && retry === 'later')
}

const FASTIFY_ERRORS: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'upload-type-unsupported',
  FST_ERR_CTP_EMPTY_TYPE: 'upload-type-unsupported',
  FST_ERR_CTP_BODY_TOO_LARGE: 'request-too-large',
  FST_ERR_VALIDATION: 'request-invalid',
}

/** In whose own words the whole address would come back, however long. */
const FASTIFY_DETAILS: Readonly<Record<string, string>> = {
  FST_ERR_BAD_URL: 'The address is not percent-encoded as it should be.',
  FST_ERR_MAX_PARAM_LENGTH: 'A part of the address is too long.',
}

export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ErrorCode
  readonly request_id: string
}

export function toProblem(error: unknown, requestId: string, takes = 'application/json'): Problem {
  const { code, detail } = classify(error, takes)
  const { status, title } = ERRORS[code]
  return { type: `urn:tonewire:problem:${code}`, title, status, detail, code, request_id: requestId }
}

/** Answers with the problem an error stands for; the cause goes to the log, never to the client. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply | undefined {
  const problem = toProblem(error, request.id, request.routeOptions.config?.takes)
  if (problem.status >= 500) request.log.error({ err: error, code: problem.code }, 'request failed')
  else request.log.debug({ err: error, code: problem.code }, 'request refused')
  if (request.routeOptions.config?.eventStream && ERRORS[problem.code].retry === 'later') {
    sendRetryLater(reply)
    return undefined
  }
  const retryAfterS = error instanceof AppError ? error.retryAfterS : undefined
  if (carriesRetryAfter(problem.code)) reply.header('retry-after', String(retryAfterS ?? RETRY_AFTER_S))
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer')
  return reply.code(problem.status).header('x-request-id', request.id).type('application/problem+json').send(problem)
}

function classify(error: unknown, takes: string): { code: ErrorCode; detail: string } {
  if (error instanceof AppError) return error
  const {
    code = '',
    statusCode = 500,
    message: words = '',
  } = error as { code?: string; statusCode?: number; message?: string }
  const message = FASTIFY_DETAILS[code] ?? words
  const known = FASTIFY_ERRORS[code]
  if (known === 'upload-type-unsupported') return { code: known, detail: `Send ${takes}.` }
  if (known !== undefined) return { code: known, detail: message }
  if (statusCode === 414 || statusCode === 431) return { code: 'request-too-large', detail: message }
  if (statusCode >= 400 && statusCode < 500) return { code: 'request-invalid', detail: message }
  return { code: 'internal', detail: 'The request could not be served. Its request_id finds it in our logs.' }
}
