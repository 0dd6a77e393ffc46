/** What the client takes and gives, as it is on the wire; /openapi.json says more. */

/** A job as the API describes it in /openapi.json; what is not named here is there too. */
export interface Job {
  readonly job_id: string
  readonly token_id: string | null
  readonly status: JobStatus
  /** 0–100. */
  readonly progress: number
  readonly message: string
  readonly attempt: number
  /** Follow from here to miss nothing; null while the log could not be reached. */
  readonly event_cursor: string | null
  readonly error: { readonly code: string; readonly detail: string; readonly retryable: boolean } | null
  readonly [field: string]: unknown
}
export type JobStatus =
  | 'uploading'
  | 'stored'
  | 'queued'
  | 'forwarded'
  | 'analysing'
  | 'completed'
  | 'failed'
  | 'cancelled'

export interface UploadFields {
  readonly token_id?: string
  readonly priority?: 'high' | 'normal' | 'low'
  /** ISO 8601. */
  readonly not_before?: string
  readonly callback_url?: string
  readonly metadata?: Readonly<Record<string, unknown>>
  readonly filename?: string
}

export type OnRetry = (cause: unknown, afterMs: number) => void
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  /** Told before each wait. */
  readonly onRetry?: OnRetry | undefined
}

/** `gap` says that something may be missing; a `snapshot` of each job follows. */
export interface JobEvent {
  readonly event: 'snapshot' | 'progress' | 'completed' | 'failed' | 'cancelled' | 'notification' | 'gap'
  readonly id: string | undefined
  readonly data: Partial<Pick<Job, 'job_id' | 'status' | 'progress' | 'message' | 'attempt' | 'error'>> & {
    readonly at: string
    readonly [field: string]: unknown
  }
}

export interface Problem {
  readonly code?: string
  readonly title?: string
  readonly detail?: string
}

/** An answer that was a problem (RFC 9457): docs/problems.md says what each `code` means. */
export class TonewireError extends Error {
  readonly status: number
  readonly code: string
  /** When the server said so. */
  readonly retryAfterMs: number | undefined

  constructor(response: Response, problem: Problem) {
    super(`${problem.title ?? `The server answered ${response.status}`}: ${problem.detail ?? response.url}`)
    this.name = 'TonewireError'
    this.status = response.status
    this.code = problem.code ?? ''
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
    this.retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : undefined
  }
}

export type ResultFormat = 'json' | 'csv' | 'textgrid' | 'pitchtier' | 'svg'
export interface UploadOptions extends CallOptions {
  /** By default one of its own for each upload. */
  readonly idempotencyKey?: string
}
export interface FollowOptions extends CallOptions {
  readonly cursor?: string | null
}

export type Call = (path: string, init?: RequestInit) => Promise<Response>
