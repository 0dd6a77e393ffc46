/** Notifications to a client's own `callback_url`: the rows that say what is to be sent, the secrets, and the sending. */
import type { Job, JobStatus } from '../domain/job.ts'

export const DELIVERY_STATUSES = ['pending', 'delivered', 'given_up'] as const
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number]

/** What a client is told of: the end of an attempt. */
export const CALLBACK_EVENTS = ['completed', 'failed', 'cancelled'] as const satisfies readonly JobStatus[]
export type CallbackEvent = (typeof CALLBACK_EVENTS)[number]

export interface Delivery {
  /** UUID; the same on every try and every replay. */
  readonly deliveryId: string
  readonly owner: string
  readonly jobId: string
  readonly attempt: number
  readonly event: CallbackEvent
  readonly url: string
  readonly status: DeliveryStatus
  /** Sends begun since the event, or since the last replay. */
  readonly tries: number
  /** Null unless pending. */
  readonly nextTryAt: Date | null
  /** The HTTP status of the last answer; null when there was none. */
  readonly lastStatus: number | null
  /** Why the last try did not succeed, in a sentence. */
  readonly lastError: string | null
  readonly createdAt: Date
  readonly deliveredAt: Date | null
}

export interface ClaimedDelivery extends Delivery {
  /** Names this hand-out: an outcome is recorded only while it is the last one. */
  readonly lease: string
  /** The job as it was when the event happened. */
  readonly job: Job
}

export type DeliveryOutcome =
  | { readonly kind: 'delivered'; readonly lastStatus: number }
  | {
      readonly kind: 'retry'
      readonly lastStatus: number | null
      readonly lastError: string
      /** Seconds until the next try. */
      readonly inS: number
    }
  | { readonly kind: 'given_up'; readonly lastStatus: number | null; readonly lastError: string }

export interface ClaimRules {
  readonly limit: number
  /** Most that one owner has handed out at a time, on all instances together, replays included. */
  readonly perOwner: number
  /** A row whose outcome is not recorded for this long is handed out again. */
  readonly leaseS: number
}

/**
 * Deliveries. Their rows are made by `JobStore.advance`, in the statement that ends an attempt, one for each attempt
 * and event. Every method throws `database-unavailable` when the database cannot be reached.
 */
export interface DeliveryStore {
  /** Hands out pending rows that are due by the database's clock, the longest due first. Safe on many instances. */
  claim(rules: ClaimRules): Promise<ClaimedDelivery[]>
  /**
   * Writes down how a hand-out ended and answers what the row is now: a retry that would come more than a day after
   * the event (or the replay) is given up. Undefined when the row was handed out again, or replayed: then it is due at once.
   */
  record(
    claimed: Pick<ClaimedDelivery, 'deliveryId' | 'lease'>,
    outcome: DeliveryOutcome,
  ): Promise<DeliveryStatus | undefined>
  /** The deliveries of an owner's job, newest first, at most 100. */
  list(owner: string, jobId: string): Promise<Delivery[]>
  /**
   * Makes a delivery due at once, for another day, whatever became of it. One that is handed out is due when that has
   * ended, whatever comes of it, and counts as handed out until then. Undefined when the owner's job has none such.
   */
  replay(owner: string, jobId: string, deliveryId: string): Promise<Delivery | undefined>
  /** Seconds since the event (or the replay) of the pending row that waits longest; null when none is pending. */
  oldestPendingAgeS(): Promise<number | null>
}

/** The secrets that sign callbacks, one per owner. Throws `database-unavailable`. */
export interface OwnerSecretStore {
  /** The secret, made on first need, and for 24 h after a rotation the one before it. */
  find(owner: string): Promise<readonly string[]>
  /** Makes a new secret and returns it: the only time it is shown. Of several rotations within 24 h the last two count. */
  rotate(owner: string): Promise<string>
}

export type CallbackAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfterS: number | null }
  /** The address may not be called; trying again does not help. The sentence may be shown. */
  | { readonly kind: 'refused'; readonly sentence: string }
  /** No answer came. The sentence may be shown. */
  | { readonly kind: 'failed'; readonly sentence: string }

/** Sends a POST to an address that a client chose. Never throws for what the other side does, and ends in bounded time. */
export interface CallbackSender {
  /** Throws the signal's reason when it aborts. */
  send(
    url: string,
    request: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
    signal: AbortSignal,
  ): Promise<CallbackAnswer>
}
