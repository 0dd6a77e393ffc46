/**
 * Whose fault a failed job is: what the routes are compared by leaves out what the client caused. A code that is not in
 * the table, of an analysis of somebody else's, is ours: a route that fails in a new way has failed.
 */
import type { ErrorCode } from './errors.ts'

export type FailureSide = 'client' | 'ours'

/** Of every code, also of those that end no job today. */
export const FAILURE_SIDES: Readonly<Record<ErrorCode, FailureSide>> = {
  'upload-empty': 'client',
  'upload-no-file': 'client',
  'upload-malformed': 'client',
  'upload-field-late': 'client',
  'upload-aborted': 'client',
  'upload-expired': 'client',
  'upload-too-slow': 'client',
  'upload-too-large': 'client',
  'upload-type-unsupported': 'client',
  'upload-incomplete': 'client',
  'upload-complete': 'client',
  'upload-mismatch': 'client',
  'upload-not-audio': 'client',
  'request-invalid': 'client',
  'expectation-unknown': 'client',
  'request-too-large': 'client',
  unauthorized: 'client',
  forbidden: 'client',
  'key-not-found': 'client',
  'last-admin-key': 'client',
  'route-not-found': 'client',
  'callback-refused': 'client',
  'delivery-not-found': 'client',
  'letter-not-found': 'client',
  'job-not-found': 'ours',
  'token-not-found': 'client',
  'result-not-ready': 'client',
  'result-format-unavailable': 'ours',
  'result-too-large': 'client',
  'formatter-busy': 'ours',
  'idempotency-busy': 'client',
  'idempotency-conflict': 'client',
  'job-terminal': 'client',
  'job-not-retryable': 'client',
  'job-cancelled': 'client',
  'job-purged': 'client',
  'audio-not-ready': 'client',
  'owner-deleted': 'client',
  'issuer-unavailable': 'ours',
  'rate-limited': 'client',
  'too-many-uploads': 'client',
  'too-many-streams': 'client',
  'streams-full': 'ours',
  'too-many-jobs': 'client',
  'database-unavailable': 'ours',
  'storage-unavailable': 'ours',
  'queue-unavailable': 'ours',
  'progress-unavailable': 'ours',
  'not-ready': 'ours',
  'shutting-down': 'ours',
  'object-not-found': 'ours',
  'message-invalid': 'ours',
  'codec-unsupported': 'client',
  'recording-undecodable': 'client',
  'recording-too-long': 'client',
  'reference-invalid': 'client',
  'analysis-timeout': 'ours',
  'analysis-failed': 'ours',
  'analysis-abandoned': 'ours',
  'job-too-old': 'ours',
  'signature-invalid': 'ours',
  'job-not-direct': 'ours',
  'cutover-conflict': 'ours',
  'direct-route-missing': 'ours',
  'analysis-server-refused': 'client',
  'analysis-server-silent': 'ours',
  internal: 'ours',
}

/** The codes of failures that say nothing of a route. */
export const CLIENT_CODES: readonly string[] = Object.entries(FAILURE_SIDES).flatMap(([code, side]) =>
  side === 'client' ? [code] : [],
)

export function isClientsFault(code: string): boolean {
  return CLIENT_CODES.includes(code)
}
