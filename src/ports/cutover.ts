/** What moving traffic between the routes needs from outside: the flag, the old analysis server, and the comparison. */
import type { CutoverFlag, CutoverRules, GuardPlan, RouteDecision } from '../domain/cutover.ts'
import type { WindowOutcomes } from '../domain/guard.ts'
import type { Route } from '../domain/job.ts'
import type { AnalysisRequest } from '../domain/messages.ts'

/** Decides the route of a new job (OpenFeature). Never throws and asks nobody: what it knows is in the process. */
export interface Router {
  /** `undefined`: the owner is not known; the default decides, and it is counted. */
  decide(owner: string | undefined): Promise<RouteDecision>
  /**
   * Resolves when the flag was read, or could not be in a few seconds: then the default decides until it can. Throws an
   * Error when `FLAG_PROVIDER` names no module that makes providers.
   */
  ready(): Promise<void>
  /** Takes a change that this process has made itself at once; an older change than the known one changes nothing. */
  learn(flag: CutoverFlag): void
}

/** What the environment says of the cutover. */
export interface CutoverSettings {
  /** `USE_QUEUE_SYSTEM`. */
  readonly defaultPercent: number
  /** `USE_QUEUE_SYSTEM_FORCE`; null when nothing is forced. */
  readonly forcedPercent: number | null
  /** False without `ANALYSIS_SERVER_URL` and `WEBHOOK_URL`: all jobs take the queue. It may come true after the start. */
  readonly hasDirectRoute: boolean
  /** `FLAG_PROVIDER`: a company's own flag system decides; null when ours does. */
  readonly provider: string | null
}

export interface FlagChange extends CutoverRules {
  readonly reason: string
  readonly changedBy: string
  readonly origin: CutoverFlag['origin']
  readonly guard: GuardPlan | null
  /** The comparison that the guard goes by when one side has no owners left; kept with the version. */
  readonly baseline?: Baseline | null
}

/** How many owners of each side had an ended job, and of how many the first failed through no fault of theirs. */
export interface Baseline {
  readonly queue: { readonly owners: number; readonly failed: number }
  readonly direct: { readonly owners: number; readonly failed: number }
}

export interface StoredFlag extends CutoverFlag {
  readonly baseline: Baseline | null
  /** Null while nobody was told of what the guard did. */
  readonly notifiedAt: Date | null
}

/** The flag and its history (Postgres): rows are only added. Every method throws `database-unavailable`. */
export interface CutoverStore {
  /** The newest version; undefined while nobody has set one. */
  current(): Promise<StoredFlag | undefined>
  /** Newest first, those before the version `before`. */
  history(page: { readonly limit: number; readonly before?: number }): Promise<StoredFlag[]>
  /**
   * Adds version `expected + 1`; of several that change the same version one wins. `expected` is 0 while there is none.
   * Throws `cutover-conflict` when the newest version is another.
   */
  change(change: FlagChange, expected: number): Promise<StoredFlag>
  /** Changes of the guard that nobody was told of, oldest first. */
  findUnnotified(limit: number): Promise<StoredFlag[]>
  markNotified(version: number): Promise<void>
}

/** Tells all processes that the flag has changed (Redis). What is lost here is found by polling. */
export interface CutoverNews {
  /** Throws `progress-unavailable` when it cannot be told. */
  tell(version: number): Promise<void>
  /**
   * Calls the listener for each change, and without a version whenever it begins to hear, the first time and after each
   * reconnect, until the returned function is called. While Redis is away it is silent.
   */
  listen(onChange: (version: number | undefined) => void): () => void
}

// ---------------------------------------------------------------- the direct route

/** `accepted` is any 2xx; `refused`: this recording will never be taken; `unavailable`: later, perhaps. */
export type DirectAnswer =
  | { readonly kind: 'accepted'; readonly status: number }
  | { readonly kind: 'refused'; readonly status: number; readonly detail: string }
  | { readonly kind: 'unavailable'; readonly status: number | null; readonly detail: string }
  /** As many calls as this process makes at once are under way: nothing was tried. */
  | { readonly kind: 'full' }

/** The analysis server of the direct route, over plain HTTP. */
export interface AnalysisServer {
  /** False where `ANALYSIS_SERVER_URL` is not set: there is no direct route. */
  readonly isConfigured: boolean
  /** Orders that may be posted now. */
  freePlaces(): number
  /** Posts an order, with one retry; its `callback_url` is where the answer goes. Throws only the signal's reason. */
  submit(order: AnalysisRequest, signal: AbortSignal): Promise<DirectAnswer>
  /**
   * Where the server answers for this attempt: a later one is named, for servers that do not tell it by themselves. Null
   * without `WEBHOOK_URL`, and while this API does not listen yet.
   */
  callbackUrlOf(jobId: string, attempt: number): string | null
  /**
   * Begins work around one call, which nobody waits for and which never rejects. False, and nothing is begun, while so
   * much is under way as there are places, and once it is to settle.
   */
  begin(work: (signal: AbortSignal) => Promise<void>): boolean
  /** Begins nothing more, and resolves when what was begun is over; `release` breaks it off. */
  settle(release: AbortSignal): Promise<void>
}

/** `refused`: the receiver will never take it; `given-up`: it could not be reached often enough. */
export type SentAnswer = 'taken' | 'refused' | 'given-up'

/** The other side: what an analysis server sends its answers with (signed HTTP, with retries). */
export interface AnswerSender {
  /** False for an address that answers to this job are not to be sent to. */
  mayCall(callbackUrl: string, jobId: string): boolean
  /** Never rejects, but with the signal's reason. */
  send(callbackUrl: string, body: string, signal: AbortSignal): Promise<SentAnswer>
}

// ---------------------------------------------------------------- the comparison

export interface RouteFigures {
  /** Jobs whose recording was stored. */
  readonly accepted: number
  readonly completed: number
  /** By error code. */
  readonly failed: Readonly<Record<string, number>>
  /** Jobs that were tried again, by the code that their first attempt failed with, whatever became of them. */
  readonly retried: Readonly<Record<string, number>>
  readonly cancelled: number
  /** Distinct ones. */
  readonly owners: number
  /**
   * Seconds to the result of those completed; null when there are none. From the row, or the attempt's beginning, or its
   * `not_before`, whichever is the latest: what a client wants to wait for is not the route's.
   */
  readonly resultS: { readonly p50: number; readonly p95: number; readonly p99: number } | null
  /** Of all unfinished jobs of the route whose time has come, also older than the window; null when there is none. */
  readonly oldestUnfinishedS: number | null
}

/** Seconds after a version's beginning, by the database's clock: from `fromS`, before `toS`. */
export interface VersionWindow {
  readonly fromS: number
  readonly toS: number
  readonly lateS: number
}

/** What the rows say of both routes (Postgres). Every method throws `database-unavailable`. */
export interface RouteComparison {
  /** Of jobs made in the last so many seconds. */
  figures(windowS: number): Promise<Readonly<Record<Route, RouteFigures>>>
  /**
   * How many distinct owners went each way, of jobs made in the last so many seconds and while this version was known
   * everywhere (`SPREAD_S`); whatever decided, but the lists: what goes by something else than the flag shows here.
   */
  ownersBySide(version: number, windowS: number): Promise<Readonly<Record<Route, number>>>
  /**
   * Of jobs that this version's percentage sent their way and that were made in the window, in the order in which they
   * were, up to the first whose end is not known yet. A job has failed when it failed with a code that no client causes,
   * became a dead letter, was tried again after such a failure, or was unfinished `lateS` after it was made, whatever
   * came later: so a later look finds what an earlier one found, but for jobs whose client tries its own failure again,
   * which count for nothing from then on. Jobs held back by `not_before` are left out, and those still uploading.
   */
  outcomes(version: number, window: VersionWindow): Promise<WindowOutcomes>
  /** Seconds since the version began, by the database's clock; 0 for one that there is not. */
  ageS(version: number): Promise<number>
  /** Distinct owners with a dead letter first seen in the last so many seconds, through no fault of theirs. */
  deadLetterOwners(windowS: number): Promise<number>
}

/** Whoever is to know what the guard did (`GUARD_WEBHOOK_URL`). */
export interface GuardNotifier {
  /** False where there is nobody to tell. */
  readonly isConfigured: boolean
  /** Posts JSON, in a bounded time; undefined when it was taken (2xx), else one sentence why not. Throws only the signal's reason. */
  notify(body: string, signal?: AbortSignal): Promise<string | undefined>
}
