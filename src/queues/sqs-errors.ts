/** What SQS's errors mean to us, and how long we wait for an answer. */
import { AppError, toAppError } from '../domain/errors.ts'

/** Longest wait for an answer; a long poll's own wait comes on top. */
export const REQUEST_TIMEOUT_MS = 10_000
export const BOUNDED = { requestTimeout: REQUEST_TIMEOUT_MS }

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

/** The code of an error that the SDK threw, such as `AWS.SimpleQueueService.BatchRequestTooLong`. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  const { Code = '', Error: detail } = error as Error & { Code?: string; Error?: { Code?: string } }
  return [error.name, Code, detail?.Code ?? ''].join(' ')
}

/** True when the endpoint refused the request as such, so that sending it in parts may find the one at fault. */
export function isRefusal(error: unknown): boolean {
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } }
  if ($metadata?.httpStatusCode !== 400 && $metadata?.httpStatusCode !== 413) return false
  return !/NonExistentQueue|QueueDoesNotExist|Throttl|AccessDenied|Kms|Token|Signature|Credential/i.test(codeOf(error))
}
