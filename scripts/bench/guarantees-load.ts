/**
 * What a job costs on the queue route: statements, SQS requests and time, with a backlog and at a steady pace. From
 * dispatch to recorded; the three roles are processes of their own, and every server is on the same machine.
 */
import { Redis } from 'ioredis'
import type { Figures } from './figures.ts'
import { type Counts, requestsOf } from './guarantees-counters.ts'
import {
  ANALYSES_AT_ONCE,
  dispatchAll,
  type GuaranteesStack,
  makeStored,
  PIPELINE,
  untilLeft,
  untilUnfinished,
  withRoles,
} from './guarantees-stack.ts'

const JOBS = 2000
const WARM_UP = 1000
const ROUNDS = 4
const STEADY_PER_S = 150
const STEADY_JOBS = 10 * STEADY_PER_S
const HOP_ROUNDS = 5
const HOP_JOBS = 6000
interface Carried {
  readonly counts: Counts
  readonly tookMs: number
}

const CONDITIONS = {
  analyser: 'null: neither fetches nor decodes',
  analysis_concurrency: ANALYSES_AT_ONCE,
  postgres: 'fsync off',
}

export async function reportLoad(stack: GuaranteesStack, figures: Figures): Promise<void> {
  const { ports } = stack
  const roles = await Promise.all(PIPELINE.map((role) => stack.startRole(role)))
  const carry = async (count: number, perS?: number): Promise<Carried> => {
    const jobs = await makeStored(ports, count)
    if (perS === undefined) await dispatchAll(ports, jobs)
    const startedAt = performance.now()
    let tookMs = 0
    const counts = await withRoles(roles, async () => {
      if (perS !== undefined) await dispatchAll(ports, jobs, perS)
      await untilUnfinished(ports, 0)
      tookMs = performance.now() - startedAt
    })
    return { counts, tookMs }
  }
  await carry(WARM_UP)
  const redis = new Redis(stack.redisUrl)
  const before = await lookAt(redis)
  const rounds: Carried[] = []
  for (let round = 0; round < ROUNDS; round++) rounds.push(await carry(JOBS))
  // The best of a few rounds is the one that nothing else disturbed.
  const [backlog] = rounds.toSorted((a, b) => a.tookMs - b.tookMs) as [Carried]
  reportCost(figures, 'backlog', JOBS, backlog, { statements: 1, requests: 0.8 })
  const rate = { name: 'pipeline-rate', value: (JOBS * 1000) / backlog.tookMs, unit: 'jobs/s', target: 800 }
  const rates = rounds.map(({ tookMs }) => Math.round((JOBS * 1000) / tookMs))
  const more = { jobs: JOBS, rates, cpu_ms_per_job: backlog.counts.cpuMs / JOBS }
  figures.add({ ...rate, bound: 'least' }, { ...more, ...CONDITIONS })
  reportMemory(figures, before, await lookAt(redis))
  redis.disconnect()
  const steady = await carry(STEADY_JOBS, STEADY_PER_S)
  reportCost(figures, 'steady', STEADY_JOBS, steady, { statements: 2, requests: 3 })
  for (const role of roles) await role.stop()
}

function reportCost(
  figures: Figures,
  load: string,
  jobs: number,
  { counts, tookMs }: Carried,
  targets: { statements: number; requests: number },
): void {
  // Far below its pace, what should be steady was a backlog: the machine had other things to do.
  const more = { jobs, jobs_per_s: (jobs * 1000) / tookMs, cpu_ms_per_job: counts.cpuMs / jobs, ...CONDITIONS }
  const [statements, requests] = [counts.statements / jobs, requestsOf(counts) / jobs]
  figures.add(
    { name: `${load}-statements`, value: statements, unit: 'per job', target: targets.statements, bound: 'most' },
    more,
  )
  figures.add(
    { name: `${load}-sqs-requests`, value: requests, unit: 'per job', target: targets.requests, bound: 'most' },
    { ...more, requests: counts.requests },
  )
}

interface RedisLook {
  readonly usedBytes: number
  /** Without those that end by themselves. */
  readonly keys: readonly string[]
  /** The owners' logs and the guards of their jobs above all; taken away before the memory is looked at. */
  readonly expiring: number
}

async function lookAt(redis: Redis): Promise<RedisLook> {
  const [kept, expiring]: [string[], string[]] = [[], []]
  for await (const page of redis.scanStream({ count: 1000 }) as AsyncIterable<string[]>) {
    for (const key of page) ((await redis.ttl(key)) > 0 ? expiring : kept).push(key)
  }
  // Not `unlink`, which gives the memory back later.
  if (expiring.length > 0) await redis.del(...expiring)
  const usedBytes = Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1])
  return { usedBytes, keys: kept.sort(), expiring: expiring.length }
}

/** A mebibyte is what the buffers of connections come and go by. */
function reportMemory(figures: Figures, before: RedisLook, after: RedisLook): void {
  const left = after.keys.filter((key) => !before.keys.includes(key))
  const value = Math.max(0, (after.usedBytes - before.usedBytes) / 1024)
  figures.add(
    { name: 'redis-growth', value, unit: 'KiB', target: 1024, bound: 'most' },
    { expiring_keys: after.expiring, used_kib_before: Math.round(before.usedBytes / 1024) },
  )
  figures.add({ name: 'redis-keys-left', value: left.length, unit: 'keys', target: 0, bound: 'most' }, { left })
}

/** One forwarder alone, with room for all; the best of a few rounds is the one that nothing else disturbed. */
export async function reportForwardHop(stack: GuaranteesStack, figures: Figures): Promise<void> {
  const { ports } = stack
  const forward = await stack.startRole('forward', { FORWARD_WINDOW: '1000000' })
  const drain = await Promise.all((['analyse', 'record'] as const).map((role) => stack.startRole(role)))
  const rounds: { rate: number; meanBatch: number; cpuMs: number }[] = []
  for (let round = 0; round <= HOP_ROUNDS; round++) {
    await dispatchAll(ports, await makeStored(ports, HOP_JOBS))
    const startedAt = performance.now()
    const counts = await withRoles([forward], () => untilForwarded(stack))
    const tookMs = performance.now() - startedAt
    const batches = counts.requests.SendMessageBatch ?? Number.NaN
    rounds.push({ rate: (HOP_JOBS * 1000) / tookMs, meanBatch: HOP_JOBS / batches, cpuMs: counts.cpuMs / HOP_JOBS })
    await withRoles(drain, () => untilUnfinished(ports, 0))
  }
  // The first is cold.
  const [best] = rounds.slice(1).sort((a, b) => b.rate - a.rate)
  const more = {
    jobs: HOP_JOBS,
    rounds: HOP_ROUNDS,
    cpu_ms_per_job: best!.cpuMs,
    rates: rounds.map(({ rate }) => Math.round(rate)),
  }
  figures.add({ name: 'forward-rate', value: best!.rate, unit: 'jobs/s', target: 3000, bound: 'least' }, more)
  figures.add({ name: 'forward-batch', value: best!.meanBatch, unit: 'jobs', target: 8, bound: 'least' })
  for (const role of [forward, ...drain]) await role.stop()
}

async function untilForwarded({ ports }: GuaranteesStack): Promise<void> {
  const count = async () => {
    const waiting = (await ports.jobs.countByStatus()).filter(({ status }) => status !== 'forwarded')
    return waiting.reduce((sum, row) => sum + row.count, 0)
  }
  await untilLeft(count, 0)
}
