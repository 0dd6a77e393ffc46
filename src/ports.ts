/** What Tonewire needs from outside, as small interfaces. Each has one real adapter and one in-memory twin. */
import type { Readable } from 'node:stream'
import type { Role } from './domain/api-key.ts'
import type { LogPosition } from './domain/cursor.ts'
import type { AppError, ErrorCode } from './domain/errors.ts'
import type { Job, JobError, JobStatus, Priority, Route, RouteReason, UnfinishedStatus } from './domain/job.ts'
import type { JobPlace } from './domain/job-cursor.ts'
import type { Notification, NotificationEvent, ProgressEvent } from './domain/progress-event.ts'
import type { ReferenceKeys, TokenReference } from './domain/reference.ts'
import type {
  AnalysisServer,
  CutoverNews,
  CutoverStore,
  GuardNotifier,
  RouteComparison,
  Router,
} from './ports/cutover.ts'
import type { DeadLetterStore } from './ports/dead-letters.ts'
import type { CallbackSender, DeliveryStore, OwnerSecretStore } from './ports/deliveries.ts'
import type { Announced, DirectUploads, UploadFactStore } from './ports/direct-uploads.ts'
import type { Formatter } from './ports/formatter.ts'
import type { Limits } from './ports/limits.ts'
import type { Memory } from './ports/memory.ts'
import type { ObjectStore } from './ports/object-store.ts'
import type { ReferenceChecker } from './ports/reference-checker.ts'
import type { InspectHead, Sniff } from './ports/sniff.ts'
import type { Timeline } from './ports/timeline.ts'
import type { OwnerDeletionStore, RetentionStore, SweepStore } from './ports/upkeep.ts'

export interface Ports {
  readonly jobs: JobStore
  readonly keys: KeyStore
  readonly tokens: TokenStore
  readonly objects: ObjectStore
  readonly directUploads: DirectUploads
  readonly uploadFacts: UploadFactStore
  readonly jobQueue: JobQueue
  /** Of the direct route. */
  readonly analysisServer: AnalysisServer
  readonly analysisQueue: MessageQueue
  readonly resultQueue: MessageQueue
  /** The dead-letter queues of the two. */
  readonly analysisDeadQueue: MessageQueue
  readonly resultDeadQueue: MessageQueue
  readonly progress: ProgressLog
  readonly router: Router
  readonly cutover: CutoverStore
  readonly cutoverNews: CutoverNews
  readonly comparison: RouteComparison
  readonly guardNotifier: GuardNotifier
  readonly analyser: Analyser
  readonly formatter: Formatter
  readonly deadLetters: DeadLetterStore
  readonly deliveries: DeliveryStore
  readonly ownerSecrets: OwnerSecretStore
  readonly callbackSender: CallbackSender
  readonly limits: Limits
  readonly sweeps: SweepStore
  readonly retention: RetentionStore
  readonly ownerDeletions: OwnerDeletionStore
  readonly timeline: Timeline
  readonly sniff: Sniff
  readonly inspectHead: InspectHead
  readonly referenceChecker: ReferenceChecker
  readonly memory: Memory
  /** Of answers of the direct route, apart: whoever sends them is not known before they are read. */
  readonly answerMemory: Memory
  readonly metrics: Metrics
  readonly log: Log
}

/** Structured logging: fields first, then a sentence that never varies (pino's signature). */
export interface Log {
  debug(fields: object, sentence: string): void
  info(fields: object, sentence: string): void
  warn(fields: object, sentence: string): void
  error(fields: object, sentence: string): void
}

/** Counters and durations of this process. Label values come from small fixed sets. */
export interface Metrics {
  count(name: string, labels?: Readonly<Record<string, string>>, by?: number): void
  observe(name: string, seconds: number, labels?: Readonly<Record<string, string>>): void
}

// ---------------------------------------------------------------- rows

export interface NewJob {
  readonly jobId: string
  readonly owner: string
  readonly tokenId: string | null
  readonly route: Route
  /** Default null. */
  readonly routeReason?: RouteReason | null
  /** Of the flag that decided the route. Default null. */
  readonly flagVersion?: number | null
  readonly filename: string | null
  readonly contentType: string
  readonly objectKey: string
  readonly priority: Priority
  readonly metadata: Readonly<Record<string, unknown>>
  readonly callbackUrl: string | null
  readonly notBefore: Date | null
  readonly traceparent: string | null
  /** At most 255 characters; of an owner's jobs one holds it, for 24 h unless its upload breaks. Default null. */
  readonly idempotencyKey?: string | null
  /** Seconds until an upload that has not ended counts as broken off. */
  readonly uploadTimeoutS: number
  /** Of a recording that goes straight to the object store. */
  readonly announced?: Announced
}

/** One guarded step of one job: applied only when the row has this attempt and an earlier status. */
export interface StatusChange {
  readonly jobId: string
  readonly attempt: number
  readonly to: JobStatus
  /** Applied only while the row is in this status: what was decided from an older look at it is not. */
  readonly from?: UnfinishedStatus
  /** Default: the status's own sentence. */
  readonly message?: string
  readonly sizeBytes?: number
  readonly sha256?: string
  readonly durationS?: number
  /** With `stored`, where the recording lies elsewhere, or is of another type, than was thought when the row was made. */
  readonly recording?: { readonly objectKey: string; readonly contentType: string }
  /** With `failed`. The stage is the status the row is in when the change is applied. */
  readonly error?: Omit<JobError, 'stage'>
  /** With `completed`. */
  readonly result?: StoredResult
}

/** A result is kept in the row's own table when small, else as an object. */
export type StoredResult = { readonly json: string } | { readonly objectKey: string }

export interface Advanced {
  /** False when the row was there already, is past it, ended, or belongs to another attempt: a repeat is harmless. */
  readonly moved: boolean
  /** The row as it is now; undefined when there is no such job. */
  readonly job: Job | undefined
}

export interface JobFilter {
  /** Any of these; without it any status. */
  readonly statuses?: readonly JobStatus[]
  readonly tokenId?: string
  /** A part of the filename or the token's id, or the beginning of the job's, in any case; nothing in it is special. */
  readonly q?: string
  readonly limit: number
  /** Only jobs that come after this one in the list, which need not exist any more. */
  readonly cursor?: JobPlace
}

/** The ends of an owner, from the first on, or those after this job's. */
export interface EndsOf {
  readonly owner: string
  readonly after?: Pick<Job, 'finishedAt' | 'jobId'>
}

export interface HopCount {
  readonly status: JobStatus
  readonly count: number
  /** Age in seconds of the row that entered this status first; null when there is none. */
  readonly oldestAgeS: number | null
}

export interface StalledRules {
  /** `stored` and `queued` rows untouched for this long are handed out to be added again. */
  readonly waitingS: number
  /** `forwarded` and `analysing` rows untouched for this long are handed out to be looked at. */
  readonly inFlightS: number
  /** There is nothing to add `stored` and `queued` rows to: they are left as they are, however long that lasts. */
  readonly queueIsAway?: boolean
  /** Only rows of this route; `uploading` ones, whatever theirs, go with `queue`. Default `queue`. */
  readonly route?: Route
  readonly limit: number
}

export interface StalledJob extends Job {
  /** Seconds since it entered its status. */
  readonly inStatusS: number
}

/** Rows of jobs: the truth. Every method throws `database-unavailable` when the database cannot be reached. */
export interface JobStore {
  /**
   * Inserts an `uploading` row of attempt 1; a repeat answers with the row of the first call. When another job of the
   * owner holds the `idempotencyKey`, that job is answered, and nothing is made: its `jobId` is not the one asked for.
   * The key is let go by the end of a job that was still `uploading`, and after 24 h when a new job asks for it.
   */
  create(job: NewJob): Promise<Job>
  find(jobId: string): Promise<Job | undefined>
  /** The rows of these jobs, in no order; unknown ids are left out. */
  findMany(jobIds: readonly string[]): Promise<Job[]>
  /** Applies each change at most once, in one statement for all, and answers in the order of the changes. */
  advance(changes: readonly StatusChange[]): Promise<Advanced[]>
  /**
   * Starts the next attempt of a job that failed in this one with a `retryable` error: `stored`, as if just uploaded,
   * its age and its waiting counted from now. Moves at most once per attempt, however many ask, and never once purged.
   */
  restart(jobId: string, attempt: number): Promise<Advanced>
  /** An owner's jobs, newest first. */
  list(owner: string, filter: JobFilter): Promise<Job[]>
  /** The unfinished rows of these owners, of each the newest up to so many, in no order. */
  findUnfinished(owners: readonly string[], mostOfEach: number): Promise<Job[]>
  /** The rows of these lists that ended within so many seconds, of each the first up to so many, as they ended. */
  findEnded(lists: readonly EndsOf[], withinS: number, mostOfEach: number): Promise<Job[]>
  /** How many rows of the queue route are `forwarded` or `analysing`, by owner; counts no further than `limit` in all. */
  countInFlight(limit: number): Promise<ReadonlyMap<string, number>>
  /** How many of the owner's rows are unfinished; counts no further than `atMost`. */
  countUnfinished(owner: string, atMost: number): Promise<number>
  /** The result of a completed job. */
  findResult(jobId: string): Promise<StoredResult | undefined>
  /**
   * Hands out unfinished rows that nothing has touched for too long, by the database's clock: uploads past their
   * deadline, and rows by `rules`. Safe on many instances at once: a row handed out is not handed out again before
   * its time has passed once more (a growing delay per row). A `stored` row of the direct route that was held back until
   * its `notBefore` is handed out then, without a wait: nobody is posting it.
   */
  claimStalled(rules: StalledRules): Promise<StalledJob[]>
  /** Unfinished rows whose attempt could have begun longer ago than this: made then, and not held back by `notBefore`. */
  findOlderThan(ageS: number, limit: number): Promise<Job[]>
  /** How many rows are in each status, and how old the oldest is. */
  countByStatus(): Promise<HopCount[]>
  /** Resolves when the database answers. */
  check(): Promise<void>
}

export interface ApiKey {
  readonly keyId: string
  readonly owner: string
  readonly role: Role
  /** Null: it does not end by itself. */
  readonly expiresAt: Date | null
}

/** A key as an operator sees it. */
export interface KeyRecord extends ApiKey {
  readonly name: string
  readonly createdAt: Date
  readonly revokedAt: Date | null
  /** To a minute. */
  readonly lastUsedAt: Date | null
}

export interface NewKey {
  readonly owner: string
  readonly role: Role
  readonly keyHash: string
  readonly name: string
  readonly expiresAt?: Date | null
}

/** API keys by the SHA-256 of their text (hex); the text itself is never kept. A revoked or expired key is not found. */
export interface KeyStore {
  findByHash(keyHash: string): Promise<ApiKey | undefined>
  findById(keyId: string): Promise<ApiKey | undefined>
  /** Makes the key unless one with this hash exists, even a revoked one, or went when its owner was deleted. */
  ensure(key: NewKey): Promise<void>
  create(key: NewKey): Promise<KeyRecord>
  /** Newest first, revoked and expired ones too; those after the key `after`. */
  list(page: {
    readonly owner: string | undefined
    readonly after: string | undefined
    readonly limit: number
  }): Promise<KeyRecord[]>
  /** A repeat says `revoked` again. The last live admin key stays, also when several are revoked at once. */
  revoke(keyId: string): Promise<'revoked' | 'unknown' | 'last-admin'>
  /** Notes that the key is in use; at most once a minute is anything written. */
  touch(keyId: string): Promise<void>
}

/** Where the reference material of tokens lies. */
export interface TokenStore {
  /**
   * Makes the token, or changes it: with a recording it is replaced whole, since labels and pitch belong to the recording
   * they were made for; without one a kind that comes with null stays as it was. At least one kind is needed.
   */
  put(owner: string, tokenId: string, keys: ReferenceKeys): Promise<TokenReference>
  find(owner: string, tokenId: string): Promise<TokenReference | undefined>
  /** By `tokenId`, those after `after`. */
  list(owner: string, page: { readonly after: string | undefined; readonly limit: number }): Promise<TokenReference[]>
  /** False when there was none. Jobs made before keep what they were made with. */
  remove(owner: string, tokenId: string): Promise<boolean>
}

// ---------------------------------------------------------------- queues

export interface QueuedJob {
  readonly jobId: string
  readonly owner: string
  readonly attempt: number
  readonly priority: Priority
  readonly notBefore: Date | null
}

/**
 * Runs until `signal` aborts, then stops taking, finishes what is held and resolves. A handler that returns is done
 * with its message; one that throws gets it again. `release` aborts when held work has to be given back.
 */
export interface ConsumeOptions {
  readonly concurrency: number
  readonly signal: AbortSignal
  readonly release?: AbortSignal
}

/** How many more jobs may start now. */
export interface Room {
  readonly places: number
  /** How many of these one owner may take. */
  placesOf(owner: string): number
}

/** The queue close to the API (BullMQ). */
export interface JobQueue {
  /**
   * Adds jobs under the id `<jobId>-<attempt>`: adding one that waits or runs is a no-op, one that ended runs again.
   * Throws `queue-unavailable` within a bounded time.
   */
  add(entries: readonly QueuedJob[]): Promise<void>
  /**
   * A final error (`retry: never`) is not tried again; any other is, with backoff, until the attempts are used up.
   * With `room` no more jobs are started, in all and of one owner, than it answered last: while that is 0, or it fails,
   * the others wait in their order, use up no attempts, and it is asked again within half a second. Who waits for a
   * place of its owner's is in nobody else's way.
   */
  consume(
    handler: (entry: QueuedJob) => Promise<void>,
    options: ConsumeOptions & { readonly room?: () => Promise<Room> },
  ): Promise<void>
  /** Takes a waiting job out. One that runs, or is not there, is left alone. Throws as `add` does. */
  remove(jobId: string, attempt: number): Promise<void>
  /** How many wait (also for their time or a retry) and how many run. */
  counts(): Promise<{ waiting: number; active: number }>
}

export interface OutgoingMessage {
  readonly body: string
  /** Fair-queue group: the owner. */
  readonly groupId: string
  /** Told the queue's name of the message when it is sent, before `send` answers. */
  readonly onSent?: (messageId: string) => void
}

export interface ReceivedMessage {
  readonly body: string
  readonly messageId: string
  /** From 1. */
  readonly receiveCount: number
  /** Aborts when the message has to be given back; the handler then throws. */
  readonly signal: AbortSignal
}

/** A queue of messages (SQS). */
export interface MessageQueue {
  /** Sends all, and answers per message in order: undefined when sent, else why not. Throws only when nothing was tried. */
  send(messages: readonly OutgoingMessage[]): Promise<(AppError | undefined)[]>
  /**
   * Receives only what can start now, keeps it invisible while its handler runs, deletes it when the handler
   * returns and lets it come back after a delay when it throws. After a failure that can pass (`retry: later`) it
   * receives nothing more until `probe` resolves, so that an outage uses up no receives.
   */
  consume(
    handler: (message: ReceivedMessage) => Promise<void>,
    options: ConsumeOptions & { readonly probe?: () => Promise<void> },
  ): Promise<void>
  /** Approximate numbers of messages: to be received, being handled, and in the dead-letter queue. */
  depth(): Promise<{ visible: number; inFlight: number; dead: number }>
}

// ---------------------------------------------------------------- progress

/** `unknown`: the log has no guard for this job; seed it from the row and try again. */
export type Published = 'appended' | 'known' | 'unknown'

export interface LogEntry extends LogPosition {
  readonly event: Omit<ProgressEvent, 'owner'> | NotificationEvent
  /** The mark of the entry before it, of those that are heard. */
  readonly follows?: string
}

export interface LogSlice {
  /** The log's last position. */
  readonly head: LogPosition
  /**
   * False when there is a gap: entries after the asked position are no longer kept, the epoch is another, or another
   * entry has the position since Redis lost its last writes.
   */
  readonly complete: boolean
  /** What came next after the asked position, in order; empty when not complete. */
  readonly entries: readonly LogEntry[]
}

export interface LogListener {
  onEntry(entry: LogEntry): void
  /** Entries may have been missed: read again from the last position delivered. */
  onInterrupted(): void
}

/**
 * One log per owner (Redis). Publishing is guarded atomically: within an attempt neither rank nor progress goes
 * back, and nothing follows a terminal status. Throws `progress-unavailable` within a bounded time.
 */
export interface ProgressLog {
  /**
   * Appends each event unless it is known. With a `seed` (the row's state, or the event itself for a new job) a job
   * the log does not know is seeded first: the seed is appended, then the event if it is ahead of it.
   */
  publish(entries: readonly { event: ProgressEvent; seed?: ProgressEvent }[]): Promise<Published[]>
  /**
   * Appends a word to an owner; a repeat appends it again. Those who follow all jobs of the owner are told, also when
   * they come back from a cursor before it.
   */
  notify(owner: string, notification: Notification): Promise<void>
  /** The log's last position; starts the log when there is none. */
  head(owner: string): Promise<LogPosition>
  /** What came after a position, 100 entries at most: while the last of them is before `head` there are more. */
  read(owner: string, after: LogPosition): Promise<LogSlice>
  /** Calls the listener for each new entry until the returned function is called. */
  subscribe(owner: string, listener: LogListener): Promise<() => void>
  /** Drops an owner's log, and what is known of these jobs of theirs. */
  forget(owner: string, jobIds: readonly string[]): Promise<void>
  /** Resolves when the log can be reached and takes what is written. */
  check(): Promise<void>
}

// ---------------------------------------------------------------- analysis

/** What the recording is compared with: the bytes of files, and a recording only where its pitch is not known yet. */
export interface AnalysisReference {
  readonly textGrid: Uint8Array | null
  /** A pitch file as a teacher gave it. */
  readonly pitch: Uint8Array | null
  /** The pitch track of the reference recording as an earlier analysis, of the same mode, computed it. */
  readonly computedPitch: Uint8Array | null
  /** Read only when there is neither. */
  readonly audio: Readable | null
  /** Why none of it can be used: the recording is analysed without, and the result says so. */
  readonly fault?: ReferenceFault | null
}

export interface ReferenceFault {
  readonly code: ErrorCode
  readonly detail: string
}

export interface AnalysisJob {
  readonly jobId: string
  readonly tokenId: string | null
  readonly recording: Readable
  /** Without one, or with null, there is nothing to compare with. */
  readonly reference?: AnalysisReference | null
  readonly signal: AbortSignal
  /** Called from time to time, 0–1. */
  readonly onProgress: (share: number, message: string) => void
}

export interface AnalysisOutcome {
  readonly durationS: number
  /** The result as JSON, made in the analysis thread. */
  readonly result: string
  /** The reference recording's pitch track (src/analysis/kept-track.ts), when this analysis had to compute it. */
  readonly computedPitch?: Uint8Array
  /** Why the reference could not be used; the result has the reason `reference-unusable` then. */
  readonly referenceFault?: ReferenceFault
}

/** The analysis engine on threads of its own. Throws final errors for recordings it cannot read. */
export interface Analyser {
  /** How recordings are tracked, the learners' and their references alike. */
  readonly mode: 'robust' | 'praat'
  /** Takes over the streams: whatever happens, they are read to their end or destroyed. */
  analyse(job: AnalysisJob): Promise<AnalysisOutcome>
  /** Throws `storage-unavailable` while there is no room to hold recordings in, `not-ready` while a decoder is away. */
  check(): Promise<void>
}
