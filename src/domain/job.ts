/**
 * A job: one recording on its way to a result. The statuses, their order and their progress.
 *
 *   uploading → stored → queued → forwarded → analysing → completed
 *       └─────────┴────────┴──────────┴──────────┴──────→ failed | cancelled
 *
 * Within an attempt neither rank nor progress ever goes back; a status may be skipped, never revisited.
 */
import type { ReferenceKeys } from './reference.ts'

export const JOB_STATUSES = [
  'uploading',
  'stored',
  'queued',
  'forwarded',
  'analysing',
  'completed',
  'failed',
  'cancelled',
] as const
export type JobStatus = (typeof JOB_STATUSES)[number]

/** The statuses a job can still leave, in their order. */
export const UNFINISHED_STATUSES = ['uploading', 'stored', 'queued', 'forwarded', 'analysing'] as const
export type UnfinishedStatus = (typeof UNFINISHED_STATUSES)[number]

export const PRIORITIES = ['high', 'normal', 'low'] as const
export type Priority = (typeof PRIORITIES)[number]

export type Route = 'queue' | 'direct'

export const ROUTE_REASONS = [
  'forced',
  'denied',
  'allowed',
  'percentage',
  'default',
  'provider',
  'no-owner',
  'no-direct-route',
] as const
/**
 * Why a job took its route. `default`: no flag was set or none could be read, `USE_QUEUE_SYSTEM` decided; `provider`: a
 * company's own flag system; `no-owner`: nobody to find a bucket for, the default decided; `no-direct-route`: there is no
 * analysis server to post to.
 */
export type RouteReason = (typeof ROUTE_REASONS)[number]

/** Why a job failed. `detail` may be shown to its owner; `retryable` says whether a further attempt can help. */
export interface JobError {
  readonly code: string
  readonly stage: UnfinishedStatus
  readonly detail: string
  readonly retryable: boolean
}

export interface Job {
  /** UUID v7. */
  readonly jobId: string
  readonly owner: string
  readonly tokenId: string | null
  readonly status: JobStatus
  /** From 1; a retry of a failed job starts the next one. A redelivery by a queue does not. */
  readonly attempt: number
  /** 0–100. */
  readonly progress: number
  /** One short sentence for a person. */
  readonly message: string
  readonly route: Route
  readonly filename: string | null
  readonly contentType: string
  readonly objectKey: string
  readonly sizeBytes: number | null
  /** Hex. */
  readonly sha256: string | null
  readonly durationS: number | null
  readonly priority: Priority
  readonly metadata: Readonly<Record<string, unknown>>
  readonly callbackUrl: string | null
  readonly notBefore: Date | null
  readonly traceparent: string | null
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly finishedAt: Date | null
  readonly error: JobError | null
  /** The reference material there was when the job was made; null when there was none. */
  readonly reference: ReferenceKeys | null
  /** Why it took its route; null for jobs of before there was a choice. */
  readonly routeReason: RouteReason | null
  /** Of the flag that decided; null when none did. */
  readonly flagVersion: number | null
  /** From when recording and result count as gone, taken by retention; null while they are kept. */
  readonly purgedAt: Date | null
}

const TERMINAL: readonly JobStatus[] = ['completed', 'failed', 'cancelled']

export function isTerminal(status: JobStatus): boolean {
  return TERMINAL.includes(status)
}

/** Only a job that ended before its recording was stored has no use for it; any other has a right to it. */
export function endedUnstored({ status, error }: Pick<Job, 'status' | 'error'>): boolean {
  return status === 'cancelled' || (status === 'failed' && error?.stage === 'uploading')
}

/** Position in the order of statuses; every terminal status has the same, highest rank. */
export function rankOf(status: JobStatus): number {
  return Math.min(JOB_STATUSES.indexOf(status), UNFINISHED_STATUSES.length)
}

/** True when a job may move from one status to the other: forward only, and out of an unfinished status only. */
export function canAdvance(from: JobStatus, to: JobStatus): boolean {
  return rankOf(from) < rankOf(to)
}

/**
 * Progress in per cent on entering a status; `failed` and `cancelled` keep the last value.
 * Between the marks `uploading` runs 0–20 by bytes and `analysing` 65–95.
 */
export function progressOnEntering(status: JobStatus, last: number): number {
  switch (status) {
    case 'uploading':
      return 0
    case 'stored':
      return 25
    case 'queued':
      return 40
    case 'forwarded':
      return 60
    case 'analysing':
      return 65
    case 'completed':
      return 100
    case 'failed':
    case 'cancelled':
      return last
    default:
      throw new Error(`unhandled status ${status satisfies never}`)
  }
}

/** Progress of an upload in per cent, 0–20; 0 while the whole size is unknown. */
export function uploadProgress(receivedBytes: number, totalBytes: number | undefined): number {
  if (totalBytes === undefined || totalBytes <= 0) return 0
  return Math.floor(20 * Math.min(1, receivedBytes / totalBytes))
}

/** Clamps an analyser's own figure to the range of `analysing`, 65–95. */
export function analysisProgress(progress: number): number {
  return Math.round(Math.min(95, Math.max(65, progress)))
}

/** The sentence a person reads for a status, where nothing more precise is known. */
export const STATUS_MESSAGES: Readonly<Record<JobStatus, string>> = {
  uploading: 'Receiving the recording',
  stored: 'The recording is stored',
  queued: 'Waiting for a forwarder',
  forwarded: 'Waiting for an analyser',
  analysing: 'Analysing the recording',
  completed: 'The analysis is ready',
  failed: 'The job failed',
  cancelled: 'The job was cancelled',
}
