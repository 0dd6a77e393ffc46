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
  'upload-too-large': { status: 413, title: 'The recording is too large', retry: 'never' },
  'upload-type-unsupported': { status: 415, title: 'This content type is not accepted', retry: 'never' },
  'upload-not-audio': { status: 415, title: 'The file is not audio', retry: 'never' },
  'request-invalid': { status: 400, title: 'The request is not valid', retry: 'never' },
  'expectation-unknown': { status: 417, title: 'This expectation cannot be met', retry: 'never' },
  'request-too-large': { status: 413, title: 'The request is too large', retry: 'never' },
  unauthorized: { status: 401, title: 'A valid key is needed', retry: 'never' },
  'route-not-found': { status: 404, title: 'There is nothing at this address', retry: 'never' },
  'job-not-found': { status: 404, title: 'There is no such job', retry: 'never' },
  'token-not-found': { status: 404, title: 'There is no such token', retry: 'never' },
  'result-not-ready': { status: 409, title: 'There is no result', retry: 'never' },
  'job-cancelled': { status: 409, title: 'The job was cancelled', retry: 'never' },
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
  'job-too-old': { status: 504, title: 'The job could not be finished in time', retry: 'later' },
  internal: { status: 500, title: 'Something went wrong on our side', retry: 'later' },
} as const satisfies Record<string, { status: number; title: string; retry: 'never' | 'later' }>

export type ErrorCode = keyof typeof ERRORS

/** An error with a code for machines, a detail that may be shown to a person, and a cause that may not. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly detail: string

  constructor(code: ErrorCode, detail: string, options?: { cause?: unknown }) {
    super(`${code}: ${detail}`, options)
    this.name = 'AppError'
    this.code = code
    this.detail = detail
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
