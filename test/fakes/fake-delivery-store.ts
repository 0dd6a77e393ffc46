import { randomUUID } from 'node:crypto'
import { AppError } from '../../src/domain/errors.ts'
import { isTerminal, type Job } from '../../src/domain/job.ts'
import type {
  CallbackEvent,
  ClaimedDelivery,
  ClaimRules,
  Delivery,
  DeliveryOutcome,
  DeliveryStore,
} from '../../src/ports/deliveries.ts'
import type { JobStore } from '../../src/ports.ts'
import { type Outage, withOutage } from './outage.ts'

interface Row extends Omit<Delivery, 'nextTryAt'> {
  readonly job: Job
  readonly nextTryMs: number
  readonly giveUpMs: number
  readonly lease: string | null
  readonly leasedUntilMs: number
}

export interface FakeDeliveryStore extends DeliveryStore, Outage {
  /** What the job store calls when an attempt ends. */
  add(job: Job): void
  /** As if everything about the delivery had happened this much earlier. */
  age(deliveryId: string, seconds: number): Promise<void>
}

const DAY_MS = 86_400_000
const METHODS = ['claim', 'record', 'list', 'replay', 'oldestPendingAgeS'] as const satisfies (keyof DeliveryStore)[]

/** Deliveries in memory. `now` is its clock, in Unix milliseconds. */
export function createFakeDeliveryStore({ now = Date.now }: { now?: () => number } = {}): FakeDeliveryStore {
  const toError = () => new AppError('database-unavailable', 'The database cannot be reached')
  return withOutage(createStore(now), METHODS, toError)
}

/** The same jobs; the end of an attempt makes its delivery, as the database's statement does. */
export function tellingEnds<T extends Pick<JobStore, 'advance'>>(
  jobs: T,
  deliveries: Pick<FakeDeliveryStore, 'add'>,
): T {
  const advance: JobStore['advance'] = async (changes) => {
    const answers = await jobs.advance(changes)
    for (const { moved, job } of answers) if (moved && job !== undefined && isTerminal(job.status)) deliveries.add(job)
    return answers
  }
  return { ...jobs, advance }
}

function createStore(now: () => number): Omit<FakeDeliveryStore, 'setDown'> {
  const rows = new Map<string, Row>()
  const pending = () => [...rows.values()].filter(({ status }) => status === 'pending')
  const write = (row: Row): Row => {
    rows.set(row.deliveryId, row)
    return row
  }
  return {
    add: (job) => {
      const known = [...rows.values()].some(({ jobId, attempt, event }) => {
        return jobId === job.jobId && attempt === job.attempt && event === job.status
      })
      if (job.callbackUrl !== null && !known) write(toRow(job, job.callbackUrl, now()))
    },
    claim: async (rules) => {
      const due = chooseDue(pending(), rules, now())
      const until = now() + rules.leaseS * 1000
      return due.map((row) => {
        const lease = randomUUID()
        const leased = write({ ...row, tries: row.tries + 1, lease, leasedUntilMs: until, nextTryMs: until })
        return { ...toDelivery(leased), lease, job: row.job } satisfies ClaimedDelivery
      })
    },
    record: async ({ deliveryId, lease }, outcome) => {
      const row = rows.get(deliveryId)
      if (row === undefined || row.lease !== lease) return undefined
      // Replayed meanwhile, as `delivery-store.ts` has it.
      if (row.tries === 0) return void write({ ...row, lease: null, nextTryMs: now() })
      return write({ ...row, lease: null, ...changesOf(row, outcome, now()) }).status
    },
    list: async (owner, jobId) =>
      [...rows.values()]
        .filter((row) => row.owner === owner && row.jobId === jobId)
        .sort((a, b) => +b.createdAt - +a.createdAt || b.attempt - a.attempt)
        .map(toDelivery),
    replay: async (owner, jobId, deliveryId) => {
      const row = rows.get(deliveryId)
      if (row === undefined || row.owner !== owner || row.jobId !== jobId) return undefined
      const isUnderWay = row.lease !== null && row.leasedUntilMs > now()
      const lease = isUnderWay ? row.lease : null
      const again = { status: 'pending', tries: 0, lease, deliveredAt: null } as const
      const nextTryMs = isUnderWay ? row.leasedUntilMs : now()
      return toDelivery(write({ ...row, ...again, nextTryMs, giveUpMs: now() + DAY_MS }))
    },
    oldestPendingAgeS: async () => {
      const ages = pending().map(({ giveUpMs }) => (now() - (giveUpMs - DAY_MS)) / 1000)
      return ages.length === 0 ? null : Math.max(0, ...ages)
    },
    age: async (deliveryId, seconds) => {
      const row = rows.get(deliveryId)
      const by = seconds * 1000
      if (row === undefined) return
      const { nextTryMs, giveUpMs, leasedUntilMs } = row
      write({
        ...row,
        createdAt: new Date(+row.createdAt - by),
        nextTryMs: nextTryMs - by,
        giveUpMs: giveUpMs - by,
        leasedUntilMs: leasedUntilMs - by,
      })
    },
  }
}

function toRow(job: Job, url: string, nowMs: number): Row {
  return {
    deliveryId: randomUUID(),
    owner: job.owner,
    jobId: job.jobId,
    attempt: job.attempt,
    event: job.status as CallbackEvent,
    url,
    job,
    status: 'pending',
    tries: 0,
    nextTryMs: nowMs,
    giveUpMs: nowMs + DAY_MS,
    lease: null,
    leasedUntilMs: 0,
    lastStatus: null,
    lastError: null,
    createdAt: new Date(nowMs),
    deliveredAt: null,
  }
}

function chooseDue(pending: readonly Row[], { limit, perOwner }: ClaimRules, nowMs: number): Row[] {
  const held = new Map<string, number>()
  const hold = (owner: string) => held.set(owner, (held.get(owner) ?? 0) + 1)
  for (const { owner, lease, leasedUntilMs } of pending) if (lease !== null && leasedUntilMs > nowMs) hold(owner)
  return pending
    .filter(({ nextTryMs }) => nextTryMs <= nowMs)
    .sort((a, b) => a.nextTryMs - b.nextTryMs)
    .filter(({ owner }) => (held.get(owner) ?? 0) < perOwner && hold(owner))
    .slice(0, limit)
}

function changesOf(row: Row, outcome: DeliveryOutcome, nowMs: number): Partial<Row> {
  const { kind, lastStatus } = outcome
  if (kind === 'delivered') return { status: kind, lastStatus, lastError: null, deliveredAt: new Date(nowMs) }
  const { lastError } = outcome
  if (kind === 'given_up') return { status: kind, lastStatus, lastError }
  const nextTryMs = nowMs + outcome.inS * 1000
  return { status: nextTryMs > row.giveUpMs ? 'given_up' : 'pending', nextTryMs, lastStatus, lastError }
}

function toDelivery(row: Row): Delivery {
  const { job, nextTryMs, giveUpMs, lease, leasedUntilMs, ...delivery } = row
  return { ...delivery, nextTryAt: row.status === 'pending' ? new Date(nextTryMs) : null }
}
