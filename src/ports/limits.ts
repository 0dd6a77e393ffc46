/** How much of the system one owner may take at once. Redis away: everything is allowed, within a bounded time. */

export interface Costs {
  /** Taken only when there is room for all of them. */
  readonly requests?: number
  /** Taken whole while the bucket is not empty, and then owed: a size above the bucket's is late, never impossible. */
  readonly bytes?: number
}

/** The bucket that decided: the one that refused, else the requests', else the bytes'. */
export interface Taken {
  readonly allowed: boolean
  /** What a full bucket holds; 0 when there is nothing to tell: no such limit, or Redis is away. */
  readonly limit: number
  /** Seconds in which an empty bucket fills. */
  readonly windowS: number
  /** Whole, at least 0. */
  readonly remaining: number
  /** Whole seconds until the bucket is full. */
  readonly resetS: number
  /** Whole seconds, at least 1 when refused, else 0. */
  readonly retryAfterS: number
}

export interface Lease {
  /** Gives the place back and charges further bytes, or refunds with a negative number. Never rejects; a repeat does nothing. */
  leave(moreBytes?: number): Promise<void>
}

/** `taken` tells of the requests' bucket, whatever decided: its limit is 0 where requests have none. */
export type Entered = { readonly taken: Taken } & (
  | { readonly lease: Lease }
  | { readonly refusedBy: 'requests' | 'bytes' | 'uploads'; readonly retryAfterS: number }
)

export interface Limits {
  /** Takes all costs or none. */
  take(owner: string, costs: Costs): Promise<Taken>
  /**
   * A place among the owner's concurrent uploads together with its costs: all or none, and one round trip. A crash frees
   * the place in time. Requests of 0: they were taken before.
   */
  enter(owner: string, costs: Required<Costs>): Promise<Entered>
  /** Drops what is known of an owner. Throws `progress-unavailable` while Redis cannot be reached. */
  forget(owner: string): Promise<void>
}

export interface Bucket {
  /** 0: no limit. */
  readonly perS: number
  readonly burstS: number
}

export interface LimitRules {
  readonly requests: Bucket
  readonly bytes: Bucket
  /** Concurrent uploads; 0: no limit. */
  readonly maxUploads: number
}
