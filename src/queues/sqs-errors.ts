/** What SQS's errors mean to us. */
import { AppError, toAppError } from '../domain/errors.ts'

const PASSING =
  /Throttl|RequestLimitExceeded|TooManyRequests|RequestExpired|RequestInTheFuture|RequestTimeTooSkewed|InvalidSignature/i

/** An answer of SQS that says no. */
export class SqsError extends Error {
  readonly status: number
  /** All the names it goes by, such as `QueueDoesNotExist AWS.SimpleQueueService.NonExistentQueue`. */
  readonly codes: string

  constructor(status: number, codes: string, message: string) {
    super(`SQS answered ${status} ${codes}: ${message}`)
    this.name = 'SqsError'
    this.status = status
    this.codes = codes
  }

  /** True when the same request may succeed a moment later, or signed by a clock that was set right. */
  get mayPass(): boolean {
    return this.status >= 500 || this.status === 429 || PASSING.test(this.codes)
  }
}

/** Reads the body and the header in which SQS says what is wrong; a proxy in between says it in its own way. */
export function readSqsError(status: number, headers: Readonly<Record<string, unknown>>, body: string): SqsError {
  const { __type = '', message, Message } = parseObject(body)
  const code = String(__type).split('#').at(-1) ?? ''
  const [queryCode = ''] = String(headers['x-amzn-query-error'] ?? '').split(';')
  const codes = [...new Set([code, queryCode])].filter((name) => name !== '').join(' ')
  return new SqsError(status, codes || 'without a code', String(message ?? Message ?? body.slice(0, 200)))
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>
  } catch {
    return {}
  }
}

/** What a failed entry of a batch reply says. */
export interface FailedEntry {
  readonly Id?: string | undefined
  readonly Code?: string | undefined
  readonly Message?: string | undefined
  readonly SenderFault?: boolean | undefined
}

/** Codes that say a message itself cannot be sent; anything else may pass, a wrong policy included. */
const UNSENDABLE = /InvalidMessageContents|InvalidParameterValue|MessageTooLong|BatchRequestTooLong/

/** Why a message was refused, as one of our errors. */
export function toSendError(code: string | undefined, cause: unknown): AppError {
  if (UNSENDABLE.test(code ?? '')) return new AppError('message-invalid', 'The queue refuses this message', { cause })
  return toAppError(cause, 'queue-unavailable')
}

/** True when a receipt no longer counts: the message was deleted, or its time has passed. */
export function isGone({ Code = '', SenderFault = false }: FailedEntry): boolean {
  return SenderFault && !/Throttl/i.test(Code)
}

/** True when an endpoint does not take `MessageGroupId` on a standard queue (fair queues came to SQS in 2025). */
export function isGroupRefused(code: string | undefined, message: string | undefined): boolean {
  return /InvalidParameter|Unsupported|MalformedInput|UnknownParameter/i.test(code ?? '')
    ? /MessageGroupId|group id|not valid for this queue type/i.test(message ?? '')
    : false
}

/** The codes of an error, such as `AWS.SimpleQueueService.BatchRequestTooLong`; none when SQS did not answer. */
export function codeOf(error: unknown): string {
  return error instanceof SqsError ? error.codes : ''
}

/** True when the endpoint refused the request as such, so that sending it in parts may find the one at fault. */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof SqsError) || (error.status !== 400 && error.status !== 413)) return false
  return !/NonExistentQueue|QueueDoesNotExist|Throttl|AccessDenied|Kms|Token|Signature|Credential/i.test(error.codes)
}
