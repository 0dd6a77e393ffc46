/**
 * The one table of errors. `status` is the HTTP answer, `title` never varies, and `retry` is what workers go by:
 * `never` ends the attempt at once, `later` means the same work may well succeed when tried again.
 */
export const ERRORS = {
  'upload-empty': { status: 400, title: 'The recording is empty', retry: 'never' },
  'upload-no-file': { status: 400, title: 'There is no file in the request', retry: 'never' },
  'upload-malformed': { status: 400, title: 'The request body cannot be read', retry: 'never' },
  'upload-field-late': { status: 400, title: 'A field comes after the file', retry: 'never' },
  'upload-aborted': { status: 400, title: 'The upload was broken off', retry: 'never' },
  'upload-expired': { status: 408, title: 'The upload took too long', retry: 'never' },
  'upload-too-slow': { status: 408, title: 'The upload is too slow', retry: 'never' },
  'upload-too-large': { status: 413, title: 'The recording is too large', retry: 'never' },
  'upload-type-unsupported': { status: 415, title: 'This content type is not accepted', retry: 'never' },
  'upload-incomplete': { status: 409, title: 'The recording has not arrived whole', retry: 'never' },
  'upload-complete': { status: 409, title: 'The upload is complete already', retry: 'never' },
  'upload-mismatch': { status: 422, title: 'The recording is not the one that was announced', retry: 'never' },
  'upload-not-audio': { status: 415, title: 'The file is not audio', retry: 'never' },
  'request-invalid': { status: 400, title: 'The request is not valid', retry: 'never' },
  'expectation-unknown': { status: 417, title: 'This expectation cannot be met', retry: 'never' },
  'request-too-large': { status: 413, title: 'The request is too large', retry: 'never' },
  unauthorized: { status: 401, title: 'A valid key is needed', retry: 'never' },
  forbidden: { status: 403, title: 'This is not allowed', retry: 'never' },
  'key-not-found': { status: 404, title: 'There is no such key', retry: 'never' },
  'last-admin-key': { status: 409, title: 'The last admin key cannot be revoked', retry: 'never' },
  'route-not-found': { status: 404, title: 'There is nothing at this address', retry: 'never' },
  'callback-refused': { status: 400, title: 'This callback_url cannot be called', retry: 'never' },
  'delivery-not-found': { status: 404, title: 'There is no such delivery', retry: 'never' },
  'letter-not-found': { status: 404, title: 'There is no such dead letter', retry: 'never' },
  'job-not-found': { status: 404, title: 'There is no such job', retry: 'never' },
  'token-not-found': { status: 404, title: 'There is no such token', retry: 'never' },
  'result-not-ready': { status: 409, title: 'There is no result', retry: 'never' },
  'result-format-unavailable': { status: 422, title: 'The result cannot be had in this format', retry: 'never' },
  'result-too-large': { status: 422, title: 'The result is too large for this format', retry: 'never' },
  'formatter-busy': { status: 503, title: 'Too many results are being formatted', retry: 'later' },
  'idempotency-busy': { status: 409, title: 'A request with this key is under way', retry: 'later' },
  'idempotency-conflict': { status: 422, title: 'This key was used for another request', retry: 'never' },
  'job-terminal': { status: 409, title: 'The job has ended', retry: 'never' },
  'job-not-retryable': { status: 409, title: 'A further attempt cannot help', retry: 'never' },
  'job-cancelled': { status: 409, title: 'The job was cancelled', retry: 'never' },
  'job-purged': { status: 410, title: 'The recording and the result are no longer kept', retry: 'never' },
  'audio-not-ready': { status: 409, title: 'There is no recording yet', retry: 'never' },
  'owner-deleted': { status: 409, title: 'This owner is being deleted', retry: 'never' },
  'issuer-unavailable': { status: 503, title: 'The identity provider cannot be reached', retry: 'later' },
  'rate-limited': { status: 429, title: 'There is a limit on how much may be sent', retry: 'later' },
  'too-many-uploads': { status: 429, title: 'Too many uploads at once', retry: 'later' },
  'too-many-streams': { status: 429, title: 'Too many event streams at once', retry: 'never' },
  'streams-full': { status: 503, title: 'There is no room for another stream', retry: 'later' },
  'too-many-jobs': { status: 429, title: 'Too many unfinished jobs', retry: 'later' },
  'database-unavailable': { status: 503, title: 'The database cannot be reached', retry: 'later' },
  'storage-unavailable': { status: 503, title: 'The object store cannot be reached', retry: 'later' },
  'queue-unavailable': { status: 503, title: 'The queue cannot be reached', retry: 'later' },
  'progress-unavailable': { status: 503, title: 'The progress log cannot be reached', retry: 'later' },
  'not-ready': { status: 503, title: 'This process is not ready', retry: 'later' },
  'shutting-down': { status: 503, title: 'This process is stopping', retry: 'later' },
  'object-not-found': { status: 410, title: 'The stored recording is gone', retry: 'never' },
  'message-invalid': { status: 422, title: 'A queue message cannot be read', retry: 'never' },
  'codec-unsupported': { status: 422, title: 'This audio format cannot be decoded', retry: 'never' },
  'recording-undecodable': { status: 422, title: 'The recording cannot be decoded', retry: 'never' },
  'recording-too-long': { status: 422, title: 'The recording is too long', retry: 'never' },
  'reference-invalid': { status: 422, title: 'The reference material cannot be used', retry: 'never' },
  'analysis-timeout': { status: 504, title: 'The analysis took too long', retry: 'never' },
  'analysis-failed': { status: 500, title: 'The analysis failed', retry: 'later' },
  'analysis-abandoned': { status: 500, title: 'The analysis was given up', retry: 'later' },
  'job-too-old': { status: 504, title: 'The job could not be finished in time', retry: 'later' },
  'signature-invalid': { status: 401, title: 'The signature does not hold', retry: 'never' },
  'job-not-direct': { status: 409, title: 'The job did not take the direct route', retry: 'never' },
  'cutover-conflict': { status: 409, title: 'The flag was changed meanwhile', retry: 'never' },
  'direct-route-missing': { status: 409, title: 'There is no direct route', retry: 'never' },
  'analysis-server-refused': { status: 502, title: 'The analysis server refused the recording', retry: 'never' },
  'analysis-server-silent': { status: 504, title: 'The analysis server never answered', retry: 'later' },
  internal: { status: 500, title: 'Something went wrong on our side', retry: 'later' },
} as const satisfies Record<string, { status: number; title: string; retry: 'never' | 'later' }>

export type ErrorCode = keyof typeof ERRORS

/** An error with a code for machines, a detail that may be shown to a person, and a cause that may not. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly detail: string
  /** Whole seconds after which the same may succeed, where that is known. */
  readonly retryAfterS: number | undefined
  /** True for a final error that ends this attempt, but not one that begins once somebody has mended the cause. */
  readonly retryable: boolean

  constructor(
    code: ErrorCode,
    detail: string,
    options?: { cause?: unknown; retryAfterS?: number; retryable?: boolean },
  ) {
    super(`${code}: ${detail}`, options)
    this.name = 'AppError'
    this.code = code
    this.detail = detail
    this.retryAfterS = options?.retryAfterS
    this.retryable = options?.retryable ?? false
  }

  get retry(): 'never' | 'later' {
    return ERRORS[this.code].retry
  }
}

/** Any thrown value as an AppError: itself, or the given fallback with the value as its cause. */
export function toAppError(error: unknown, fallback: ErrorCode = 'internal', detail?: string): AppError {
  if (error instanceof AppError) return error
  return new AppError(fallback, detail ?? ERRORS[fallback].title, { cause: error })
}

/** True for an error that no further try of the same work can mend. */
export function isFinal(error: unknown): error is AppError {
  return error instanceof AppError && error.retry === 'never'
}
