/** The tables, as Kysely sees them. `migrations/` makes them; job-rows.ts translates them. */
import type { ColumnType, Generated } from 'kysely'
import type { GuardPlan } from '../domain/cutover.ts'
import type { LetterSource, LetterState } from '../domain/dead-letter.ts'
import type { JobStatus, Priority, Route, RouteReason, UnfinishedStatus } from '../domain/job.ts'
import type { ReferenceKeys } from '../domain/reference.ts'
import type { Baseline } from '../ports/cutover.ts'
import type { CallbackEvent, DeliveryStatus } from '../ports/deliveries.ts'
import type { UploadMethod } from '../ports/direct-uploads.ts'

/** Written as it is, read as the drivers give it: pg a string, PGlite a number. */
type BigInteger = ColumnType<number | string | bigint, number | null, number | null>
/** Written as JSON text, read parsed. */
type Json = ColumnType<Record<string, unknown>, string, string>

export interface JobsTable {
  job_id: string
  owner: string
  token_id: string | null
  status: JobStatus
  attempt: Generated<number>
  progress: Generated<number>
  message: string
  route: Route
  filename: string | null
  content_type: string
  object_key: string
  size_bytes: BigInteger | null
  sha256: string | null
  duration_s: number | null
  priority: Priority
  metadata: Json
  callback_url: string | null
  not_before: Date | null
  traceparent: string | null
  created_at: Generated<Date>
  updated_at: Generated<Date>
  finished_at: Date | null
  error_code: string | null
  error_stage: UnfinishedStatus | null
  error_detail: string | null
  error_retryable: boolean | null
  first_error_code: string | null
  upload_deadline_at: Date
  stage_at: Generated<Date>
  watched_from: Date
  claims: Generated<number>
  idempotency_key: string | null
  begun_at: Generated<Date>
  upload_method: UploadMethod | null
  upload_id: string | null
  declared_size_bytes: BigInteger | null
  declared_sha256: string | null
  reference: ColumnType<ReferenceKeys | null, string | null, never>
  purge_begun_at: Date | null
  purged_at: Date | null
  route_reason: RouteReason | null
  flag_version: number | null
}

export interface TokenReferencesTable {
  owner: string
  token_id: string
  audio_key: string | null
  audio_sha256: string | null
  textgrid_key: string | null
  pitch_key: string | null
  created_at: Generated<Date>
  updated_at: Generated<Date>
}

export interface JobResultsTable {
  job_id: string
  attempt: number
  result: Json | null
  object_key: string | null
}

export interface ApiKeysTable {
  key_id: Generated<string>
  owner: string
  role: 'user' | 'admin'
  key_hash: string
  name: string
  created_at: Generated<Date>
  expires_at: Date | null
  revoked_at: Date | null
  last_used_at: Date | null
}

export interface CallbackDeliveriesTable {
  delivery_id: Generated<string>
  owner: string
  job_id: string
  attempt: number
  event: CallbackEvent
  url: string
  /** The row of the job as `advance-jobs.ts` wrote it down: times are texts. */
  job: ColumnType<Record<string, unknown>, string, never>
  status: Generated<DeliveryStatus>
  tries: Generated<number>
  next_try_at: Generated<Date>
  give_up_at: Generated<Date>
  lease: string | null
  leased_until: Date | null
  last_status: number | null
  last_error: string | null
  created_at: Generated<Date>
  delivered_at: Date | null
}

export interface OwnerSecretsTable {
  owner: string
  secret: string
  created_at: Generated<Date>
  previous: string | null
  previous_until: Date | null
}

export interface DeadLettersTable {
  letter_id: Generated<string>
  source: LetterSource
  message_id: string
  body: string
  job_id: string | null
  attempt: number | null
  owner: string | null
  code: string
  detail: string
  stage: JobStatus | null
  receive_count: number
  first_seen_at: Generated<Date>
  last_seen_at: Generated<Date>
  state: Generated<LetterState>
  resolved_at: Date | null
  resolved_by: string | null
  reason: string | null
  redriven_attempt: number | null
}

/** Only added to; the guard's and the baseline's shapes are the domain's. */
export interface CutoverVersionsTable {
  version: number
  /** numeric: pg gives a string. */
  percent: ColumnType<number | string, number, never>
  allow: ColumnType<string[], string[], never>
  deny: ColumnType<string[], string[], never>
  guard: ColumnType<GuardPlan | null, string | null, never>
  baseline: ColumnType<Baseline | null, string | null, never>
  reason: string
  changed_by: string
  origin: 'operator' | 'guard'
  changed_at: Generated<Date>
  notified_at: Date | null
}

export interface Tables {
  cutover_versions: CutoverVersionsTable
  dead_letters: DeadLettersTable
  callback_deliveries: CallbackDeliveriesTable
  owner_secrets: OwnerSecretsTable
  jobs: JobsTable
  job_results: JobResultsTable
  api_keys: ApiKeysTable
  token_references: TokenReferencesTable
}
