/**
 * Limits per owner in Redis, shared by all processes. Invariant 10: an outage of Redis refuses nobody; while it is
 * known no call waits for it, one call every now and then asks in the background whether it is over.
 */
import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { AppError } from '../domain/errors.ts'
import type { Bucket, Costs, Lease, LimitRules, Limits, Taken } from '../ports/limits.ts'
import type { Log, Metrics } from '../ports.ts'
import { createPatience, LateAnswer } from './patience.ts'
import { TAKE_SCRIPT } from './rate-limits.lua.ts'
import { type ConnectRedis, createReadyGate } from './redis.ts'
import { createRenewals, createUnsentPlaces, type Renewals, type UnsentPlaces } from './upload-places.ts'

export interface RateLimitsOptions {
  readonly connect: ConnectRedis
  /** Of every key, such as `tonewire`. */
  readonly prefix: string
  readonly rules: LimitRules
  readonly log: Log
  readonly metrics: Metrics
  /** How long a place outlives a process that died. Default 60 s; renewed three times in it. */
  readonly leaseTtlMs?: number
}

interface Script {
  takeLimits(...keysAndArgs: (string | number)[]): Promise<[refused: number, requests: string, bytes: string]>
}
interface Answer {
  readonly refused: number
  readonly requests: number
  readonly bytes: number
}
interface Ask {
  readonly cost: number
  readonly need: number
}

const NONE: Taken = { allowed: true, limit: 0, windowS: 0, remaining: 0, resetS: 0, retryAfterS: 0 }
/** How long an upload that found no place should wait: nobody knows when another ends. */
const PLACE_RETRY_S = 2
const BYTES_NEEDED = 1
const LEASE_TTL_MS = 60_000
/** An answer later than this counts as an outage: a request does not wait longer for its limits. */
const PATIENCE_MS = 250
const PROBE_INTERVAL_MS = 250
const LATE_IN_A_ROW = 3

export function createRateLimits(options: RateLimitsOptions): Limits & { close(): Promise<void> } {
  const { prefix, rules, metrics, leaseTtlMs = LEASE_TTL_MS } = options
  const redis = options.connect('commands') as Redis & Script
  const run = createRun(redis, options)
  const probe = () => run('probe', { requests: { cost: 0, need: 0 } }, [], 0)
  const unsent = createUnsentPlaces(leaseTtlMs, (owner, ids) =>
    tryRedis(() => redis.zrem(keysOf(prefix, owner)[2], ...ids)),
  )
  const tryRedis = createBreaker(redis, options, { probe, onBack: unsent.flush })
  const renewals = createRenewals(leaseTtlMs / 3, (owner, ids) => tryRedis(() => run(owner, {}, ids, 0)))

  const openLease = createLeases(options, { redis, run, tryRedis, renewals, unsent })
  return {
    async take(owner, costs) {
      const asks = toAsks(costs)
      if (!isLimited(asks.requests, rules.requests) && !isLimited(asks.bytes, rules.bytes)) return NONE
      const answer = await tryRedis(() => run(owner, asks, [], 0))
      metrics.count('limits', { outcome: outcomeOf(answer) })
      return answer === undefined ? NONE : toTaken(answer, asks, rules)
    },
    async enter(owner, costs) {
      const lease = openLease(owner)
      if (rules.maxUploads === 0 && rules.bytes.perS === 0 && rules.requests.perS === 0) return { lease, taken: NONE }
      const asks = toAsks(costs)
      const ids = rules.maxUploads === 0 ? [] : [lease.id]
      const answer = await tryRedis(() => run(owner, asks, ids, rules.maxUploads))
      metrics.count('limits', { outcome: outcomeOf(answer) })
      const taken = requestsTaken(answer, asks, rules)
      const refusal = answer && refusalOf(answer, asks, rules)
      if (refusal !== undefined) return { ...refusal, taken }
      // Also one that Redis does not know yet: the next renewal makes it known.
      if (rules.maxUploads > 0) renewals.add(owner, lease.id)
      return { lease, taken }
    },
    async forget(owner) {
      const removed = await tryRedis(() => redis.unlink(...keysOf(prefix, owner)))
      if (removed === undefined) throw new AppError('progress-unavailable', 'Redis cannot be reached')
    },
    async close() {
      renewals.close()
      redis.disconnect()
    },
  }
}

type Asks = { readonly requests?: Ask; readonly bytes?: Ask }

function createRun(redis: Redis & Script, { prefix, rules, leaseTtlMs = LEASE_TTL_MS }: RateLimitsOptions) {
  redis.defineCommand('takeLimits', { numberOfKeys: 3, lua: TAKE_SCRIPT })
  return async (owner: string, asks: Asks, places: readonly string[], most: number): Promise<Answer> => {
    const buckets = [...toArgs(asks.requests, rules.requests), ...toArgs(asks.bytes, rules.bytes)]
    const answer = await redis.takeLimits(...keysOf(prefix, owner), ...buckets, most, leaseTtlMs, ...places)
    return { refused: answer[0], requests: Number(answer[1]), bytes: Number(answer[2]) }
  }
}

interface Recovery {
  readonly probe: () => Promise<unknown>
  /** Called when an outage is over, before anything else is asked. */
  readonly onBack: () => void
}

interface LeaseTools {
  readonly redis: Redis
  readonly run: ReturnType<typeof createRun>
  readonly tryRedis: ReturnType<typeof createBreaker>
  readonly renewals: Renewals
  readonly unsent: UnsentPlaces
}

function createLeases({ prefix, rules }: RateLimitsOptions, { redis, run, tryRedis, renewals, unsent }: LeaseTools) {
  return (owner: string): Lease & { readonly id: string } => {
    const id = randomUUID()
    let left = false
    const leave = async (moreBytes = 0): Promise<void> => {
      if (left) return
      left = true
      renewals.remove(owner, id)
      const charge = { bytes: { cost: moreBytes, need: Number.MIN_SAFE_INTEGER } }
      const told = await tryRedis(() =>
        Promise.all([
          rules.maxUploads === 0 ? undefined : redis.zrem(keysOf(prefix, owner)[2], id),
          moreBytes === 0 || rules.bytes.perS === 0 ? undefined : run(owner, charge, [], 0),
        ]),
      )
      if (told === undefined && rules.maxUploads > 0) unsent.add(owner, id)
    }
    return { id, leave }
  }
}

/** Runs what Redis answers in time; undefined, at once, while it is known to be away. Logged once per outage. */
function createBreaker(redis: Redis, { log }: RateLimitsOptions, { probe, onBack }: Recovery) {
  const whenReady = createReadyGate(redis)
  const bounded = createPatience(PATIENCE_MS)
  let down = false
  let late = 0
  let nextProbeMs = 0
  const ask = async (): Promise<void> => {
    nextProbeMs = Number.POSITIVE_INFINITY
    try {
      await bounded(whenReady(probe))
      down = false
      late = 0
      log.info({}, 'limits are enforced again')
      onBack()
    } catch {
      // Still away: the outage was logged when it began.
    } finally {
      nextProbeMs = performance.now() + PROBE_INTERVAL_MS
    }
  }
  return async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    if (down) {
      if (performance.now() >= nextProbeMs) void ask()
      return undefined
    }
    try {
      const answer = await bounded(whenReady(work))
      late = 0
      return answer
    } catch (error) {
      // One late answer may be our own lateness: only several in a row are an outage.
      late = error instanceof LateAnswer ? late + 1 : LATE_IN_A_ROW
      if (late < LATE_IN_A_ROW) return undefined
      if (!down) log.warn({ err: error }, 'limits are not enforced while redis is away')
      down = true
      return undefined
    }
  }
}

function toAsks({ requests, bytes }: Costs): Asks {
  return {
    ...(requests === undefined ? {} : { requests: { cost: requests, need: requests } }),
    ...(bytes === undefined ? {} : { bytes: { cost: bytes, need: BYTES_NEEDED } }),
  }
}

function toArgs(ask: Ask | undefined, { perS, burstS }: Bucket): number[] {
  return ask === undefined ? [0, 0, 0, 0] : [ask.cost, ask.need, perS, perS * burstS]
}

function isLimited(ask: Ask | undefined, bucket: Bucket): boolean {
  return ask !== undefined && bucket.perS > 0
}

function toTaken({ refused, ...levels }: Answer, asks: Asks, rules: LimitRules): Taken {
  const name = refused === 2 || !isLimited(asks.requests, rules.requests) ? 'bytes' : 'requests'
  const { perS, burstS } = rules[name]
  const limit = perS * burstS
  const level = levels[name]
  const missing = (asks[name]?.need ?? 0) - level
  return {
    allowed: refused === 0,
    limit: Math.floor(limit),
    windowS: burstS,
    remaining: Math.max(0, Math.floor(level)),
    resetS: Math.ceil((limit - level) / perS),
    retryAfterS: refused === 0 ? 0 : Math.max(1, Math.ceil(missing / perS)),
  }
}

/** Of an upload: what its requests' bucket alone would have told. */
function requestsTaken(answer: Answer | undefined, { requests }: Asks, rules: LimitRules): Taken {
  if (answer === undefined || requests === undefined || !isLimited(requests, rules.requests)) return NONE
  return toTaken({ ...answer, refused: answer.refused === 1 ? 1 : 0 }, { requests }, rules)
}

function refusalOf(answer: Answer, asks: Asks, rules: LimitRules) {
  if (answer.refused === 0) return undefined
  if (answer.refused === 3) return { refusedBy: 'uploads', retryAfterS: PLACE_RETRY_S } as const
  const refusedBy = answer.refused === 1 ? 'requests' : 'bytes'
  return { refusedBy, retryAfterS: toTaken(answer, asks, rules).retryAfterS } as const
}

function outcomeOf(answer: Answer | undefined): 'allowed' | 'refused' | 'open' {
  if (answer === undefined) return 'open'
  return answer.refused === 0 ? 'allowed' : 'refused'
}

function keysOf(prefix: string, owner: string): [string, string, string] {
  const limits = `${prefix}:limits:{${encodeURIComponent(owner)}}`
  return [`${limits}:requests`, `${limits}:bytes`, `${limits}:uploads`]
}
