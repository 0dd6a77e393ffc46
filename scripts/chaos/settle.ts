/** Waits until nothing is under way any more, and says what is if that does not come in time. */
import { setTimeout as delay } from 'node:timers/promises'
import { sweepObjects } from '../../src/services/sweep-objects.ts'
import type { World } from './world.ts'

const POLL_MS = 100

/** Resolves to what is still under way at the deadline, in sentences; to nothing when all has settled. */
export async function whenSettled(world: World, owners: readonly string[], deadline: AbortSignal): Promise<string[]> {
  for (;;) {
    const left = await underWay(world, owners).catch((error: unknown) => [`not looked at: ${String(error)}`])
    if (left.length === 0 || deadline.aborted) return left
    await delay(POLL_MS)
  }
}

async function underWay({ ports, database }: World, owners: readonly string[]): Promise<string[]> {
  const { rows } = await database.query<{ what: string }>(
    `select 'job ' || job_id || ' is ' || status as what from jobs where owner = any($1) and finished_at is null
     union all
     select 'callback ' || delivery_id || ' of ' || job_id || ' is ' || status from callback_deliveries
     where owner = any($1) and status <> 'delivered' limit 5`,
    [owners],
  )
  if (rows.length > 0) return rows.map(({ what }) => what)
  const [waiting, orders, results] = await Promise.all([
    ports.jobQueue.counts(),
    ports.analysisQueue.depth(),
    ports.resultQueue.depth(),
  ])
  return Object.entries({ 'job queue': waiting, 'analysis queue': orders, 'result queue': results })
    .filter(([, counts]) => Object.values(counts).some((count) => count > 0))
    .map(([queue, counts]) => `${queue} holds ${JSON.stringify(counts)}`)
}

/** As the services that take them have it. */
const CALLBACK_LEASE_S = 60
const SWEEP_LEASE_S = 600

/**
 * What a killed process had leased comes back when its lease has run out, which takes a minute for callbacks and ten
 * for sweeps: the drill lets that time be over at once. What its successor has taken is left alone.
 */
export async function endLeases({ crew, database }: World): Promise<void> {
  const died = crew.lastDeath('reconcile')
  if (died === undefined) return
  const takenBefore = (leaseS: number): Date => new Date(died.getTime() + leaseS * 1000)
  await database.query(
    `update callback_deliveries set leased_until = now(), next_try_at = now() where leased_until between now() and $1`,
    [takenBefore(CALLBACK_LEASE_S)],
  )
  await database.query(`update sweeps set leased_until = '-infinity' where leased_until between now() and $1`, [
    takenBefore(SWEEP_LEASE_S),
  ])
}

/** The sweep as the reconciler runs it, without the day of grace that it leaves uploads, and in turns of its own. */
export async function sweepNow({ ports }: World): Promise<void> {
  const sweeps = {
    ...ports.sweeps,
    claim: (name: string, leaseS: number) => ports.sweeps.claim(`drill-${name}`, leaseS),
  }
  const swept = new Proxy(ports, {
    get: (target, name) => (name === 'sweeps' ? sweeps : (Reflect.get(target, name) as unknown)),
  })
  await sweepObjects(swept, { intervalS: 0, graceS: 0 })
}

const STATUS_WITHIN_MS = 60_000

/** Resolves when so many of the owner's jobs are in one of these statuses; throws when that does not come. */
export async function untilStatus(
  { database }: World,
  owner: string,
  statuses: readonly string[],
  count: number,
  jobId?: string,
): Promise<void> {
  const startedAt = performance.now()
  while (performance.now() - startedAt < STATUS_WITHIN_MS) {
    const { rows } = await database.query<{ found: number }>(
      `select count(*)::int as found from jobs
       where owner = $1 and status = any($2) and ($3::uuid is null or job_id = $3)`,
      [owner, statuses, jobId ?? null],
    )
    if ((rows[0]?.found ?? 0) >= count) return
    await delay(POLL_MS)
  }
  throw new Error(`never were ${count} jobs ${statuses.join(' or ')}`)
}
