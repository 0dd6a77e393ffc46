/** What is taken away while jobs are on their way, and given back: every job must end as if nothing had been. */
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Role } from '../../src/roles.ts'
import { faultsUnlessDown, faultsUnlessNoted } from './felt.ts'
import { loseOrders, NOTHING, type Outcome, runUnder } from './kills.ts'
import type { Kind } from './load.ts'
import { mp3Of, SPOKEN, toneWav } from './recordings.ts'
import { untilStatus } from './settle.ts'
import type { World } from './world.ts'

export interface Outage {
  readonly name: string
  run(world: World, isQuick: boolean): Promise<Outcome>
}

const MIX: readonly Kind[] = ['plain', 'callback', 'failing', 'cancelled', 'twice', 'compared', 'cut']
const CLOCK_SKEW = fileURLToPath(new URL('clock-skew.ts', import.meta.url))
const BOUND_MS = 60_000

export const OUTAGES: readonly Outage[] = [
  { name: 'redis restarted with its data', run: (world) => redisAway(world, true) },
  { name: 'redis restarted empty', run: (world) => redisAway(world, false) },
  { name: 'redis flushed', run: (world, isQuick) => flushed(world, isQuick ? 100 : 500) },
  { name: 'redis out of memory', run: outOfMemory },
  { name: 'redis down from before the start', run: downFromTheStart },
  { name: 'sqs away', run: (world, isQuick) => sqsAway(world, isQuick ? 10 : 120, isQuick ? 50 : 200) },
  { name: 'sqs throttling', run: throttled },
  { name: 'sqs emptied', run: emptied },
  { name: 's3 away for uploads', run: storageAwayForUploads },
  { name: 's3 away for analyses', run: storageAwayForAnalyses },
  { name: 'postgres restarted', run: postgresRestarted },
  { name: 'analysis server of the direct route away', run: directServerAway },
  { name: 'ffmpeg missing', run: ffmpegMissing },
  { name: 'poison in both queues', run: (world) => runUnder(world, { kinds: [...MIX, 'poisoned'] }) },
  ...(['api', 'forward', 'analyse', 'record', 'reconcile'] as const).map((role) => ({
    name: `the clock of ${role} a minute ahead`,
    run: (world: World) => skewed(world, role),
  })),
]

/** Of an owner on the direct route, beside: neither Redis nor SQS has a say in it. */
const DIRECT: readonly Kind[] = ['plain', 'callback', 'failing', 'cancelled', 'held']

const tones = (count: number): Kind[] => Array<Kind>(count).fill('tone')

function redisAway(world: World, keepData: boolean): Promise<Outcome> {
  return runUnder(world, { kinds: [...MIX, ...tones(40)], directKinds: DIRECT }, async () => {
    await delay(700)
    await world.stores.stopRedis()
    const [faults] = await Promise.all([faultsUnlessDown(world, 'redis'), delay(3000)])
    await world.stores.startRedis(keepData)
    return { faults }
  })
}

/** Half of the jobs wait in Redis, half have gone on; within a minute from the flush all have ended. */
async function flushed(world: World, count: number): Promise<Outcome> {
  const { crew, stores } = world
  await crew.stop('analyse')
  const half = Math.floor(count / 2)
  return runUnder(world, { kinds: tones(count - half), boundMs: 3 * BOUND_MS }, async ({ owner, more }) => {
    await untilStatus(world, owner, ['forwarded'], count - half)
    await crew.stop('forward')
    const others = more(tones(half))
    await untilStatus(world, owner, ['queued'], half)
    const { waiting } = await world.ports.jobQueue.counts()
    await stores.redis('FLUSHALL')
    const flushedAt = performance.now()
    await Promise.all([crew.start('forward'), crew.start('analyse'), others])
    const faults = waiting < half ? [`only ${waiting} jobs waited in Redis when it was flushed`] : []
    return { faults, within: { sinceMs: flushedAt, ms: BOUND_MS } }
  })
}

function outOfMemory(world: World): Promise<Outcome> {
  return runUnder(world, { kinds: [...MIX, ...tones(20)], directKinds: DIRECT }, async ({ owner, more }) => {
    await delay(500)
    await world.stores.redis('CONFIG', 'SET', 'maxmemory', '1mb')
    await Promise.all([more(['quiet', 'quiet']), delay(4000)])
    const faults = await faultsUnlessNoted(world, owner, 'dispatch', 'deferred')
    await world.stores.redis('CONFIG', 'SET', 'maxmemory', '0')
    return { faults }
  })
}

async function downFromTheStart(world: World): Promise<Outcome> {
  const { crew, stores, roles } = world
  await stores.stopRedis()
  await Promise.all(roles.map((role) => crew.stop(role)))
  await Promise.all(roles.map((role) => crew.start(role)))
  return runUnder(world, { kinds: [...MIX, ...tones(10)], directKinds: DIRECT }, async () => {
    const [faults] = await Promise.all([faultsUnlessDown(world, 'redis'), delay(4000)])
    await stores.startRedis(false)
    return { faults }
  })
}

async function sqsAway(world: World, seconds: number, count: number): Promise<Outcome> {
  const { crew, stores } = world
  await crew.stop('analyse')
  const half = Math.floor(count / 2)
  return runUnder(world, { kinds: tones(half), boundMs: BOUND_MS * 2 + seconds * 1000 }, async ({ owner, more }) => {
    await untilStatus(world, owner, ['forwarded'], half)
    await stores.setDoors({ sqs: 'away' })
    const others = more(tones(count - half))
    await crew.start('analyse')
    const [faults] = await Promise.all([faultsUnlessDown(world, 'sqs'), delay(seconds * 1000)])
    await stores.setDoors({})
    await others
    return { faults }
  })
}

/** Every order is lost: the rows know better. */
async function emptied(world: World): Promise<Outcome> {
  const { crew } = world
  const count = 20
  await crew.stop('analyse')
  return runUnder(world, { kinds: tones(count) }, async ({ owner }) => {
    await untilStatus(world, owner, ['forwarded'], count)
    const lost = await loseOrders(world, count, AbortSignal.timeout(BOUND_MS / 2))
    await crew.start('analyse')
    const faults = lost < count ? [`only ${lost} orders were lost`] : []
    return { faults: [...faults, ...(await faultsUnlessNoted(world, owner, 'reconcile', 'sent-again'))] }
  })
}

function throttled(world: World): Promise<Outcome> {
  return runUnder(world, { kinds: [...MIX, ...tones(20)], directKinds: DIRECT }, async () => {
    await delay(300)
    await world.stores.setDoors({ sqs: 'throttled' })
    const [faults] = await Promise.all([faultsUnlessDown(world, 'sqs'), delay(8000)])
    await world.stores.setDoors({})
    return { faults }
  })
}

/** Refused with 503 and a time to come back, and nothing is left of it. */
async function storageAwayForUploads(world: World): Promise<Outcome> {
  await world.stores.setDoors({ s3: 'broken' })
  const { key, owner } = await world.newOwner('queue')
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'audio/wav' }
  const refused = await fetch(`${world.url}/v1/jobs`, { method: 'POST', headers, body: SPOKEN as never })
  const problem = (await refused.json()) as { code?: string }
  const isClean = refused.status === 503 && refused.headers.has('retry-after') && problem.code === 'storage-unavailable'
  const faults = isClean ? [] : [`an upload was answered ${refused.status} ${problem.code}`]
  const outcome = await runUnder(world, { kinds: [...MIX, ...tones(10)] }, async () => {
    await delay(2000)
    await world.stores.setDoors({})
    return NOTHING
  })
  const { rows } = await world.database.query(
    `select job_id from jobs where owner = $1 and (status <> 'failed' or error_code <> 'storage-unavailable')`,
    [owner],
  )
  return { ...outcome, faults: [...faults, ...outcome.faults, ...rows.map(({ job_id }) => `${job_id} is not refused`)] }
}

async function storageAwayForAnalyses(world: World): Promise<Outcome> {
  const { crew, stores } = world
  await crew.stop('analyse')
  const count = 20
  return runUnder(world, { kinds: tones(count) }, async ({ owner }) => {
    await untilStatus(world, owner, ['forwarded'], count)
    await stores.setDoors({ s3: 'away' })
    await crew.start('analyse')
    const [faults] = await Promise.all([faultsUnlessDown(world, 'storage'), delay(5000)])
    await stores.setDoors({})
    return { faults }
  })
}

/** Longer than the lease of a callback: the answer to a claim may be lost with its connection. */
const LEASES_MS = 90_000

function postgresRestarted(world: World): Promise<Outcome> {
  return runUnder(world, { kinds: [...MIX, ...tones(40)], directKinds: DIRECT, boundMs: LEASES_MS }, async () => {
    await delay(700)
    const before = await connections(world)
    await world.stores.restartPostgres()
    const after = new Set(await connections(world))
    const isCut = before.length > world.roles.length && before.every((pid) => !after.has(pid))
    return { faults: isCut ? [] : [`of ${before.length} connections not all were cut`] }
  })
}

/** Of the roles, by the server's process ids; asks again while the server is away. */
async function connections({ database }: World): Promise<number[]> {
  for (;;) {
    try {
      const { rows } = await database.query<{ pid: number }>(
        `select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`,
      )
      return rows.map(({ pid }) => pid)
    } catch {
      await delay(100)
    }
  }
}

/** Stored jobs wait for it, and none fails. */
async function directServerAway(world: World): Promise<Outcome> {
  const { directServer } = world
  await directServer.stop()
  return runUnder(world, { kinds: MIX, directKinds: [...DIRECT, ...tones(10)] }, async ({ directOwner }) => {
    try {
      const [faults] = await Promise.all([faultsUnlessNoted(world, directOwner, 'direct', 'unavailable'), delay(4000)])
      return { faults }
    } finally {
      await directServer.start()
    }
  })
}

/** WAV goes on without it; what needs it fails with a reason that names it. */
async function ffmpegMissing(world: World): Promise<Outcome> {
  const mp3 = await mp3Of(toneWav(1, 200))
  if (mp3 === undefined) return { jobs: 0, faults: [], reached: false }
  const { crew } = world
  const roles = ['api', 'analyse'] as const
  await restart(world, roles, { PATH: '/nonexistent' })
  const outcome = await runUnder(world, { kinds: MIX }, async ({ owner, key }) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'audio/mpeg' }
    const answer = await fetch(`${world.url}/v1/jobs`, { method: 'POST', headers, body: mp3 as never })
    if (answer.status !== 202) return { faults: [`an MP3 was answered ${answer.status}`] }
    const { job_id: jobId } = (await answer.json()) as { job_id: string }
    await untilStatus(world, owner, ['failed', 'completed'], 1, jobId)
    const { rows } = await world.database.query('select status, error_code from jobs where job_id = $1', [jobId])
    const isTyped = rows[0]?.status === 'failed' && rows[0]?.error_code === 'codec-unsupported'
    return { faults: isTyped ? [] : [`an MP3 ended as ${rows[0]?.status} (${rows[0]?.error_code})`] }
  })
  await restart(world, roles, { PATH: process.env.PATH ?? '' })
  await Promise.all(roles.map((role) => crew.whenRunning(role)))
  return outcome
}

async function skewed(world: World, role: Role): Promise<Outcome> {
  await world.crew.stop(role)
  await world.crew.start(role, { execArgv: ['--import', CLOCK_SKEW] })
  const isAhead = (await world.crew.clockAheadMs(role)) > 30_000
  const outcome = await runUnder(world, { kinds: [...MIX, 'direct', ...tones(5)], directKinds: DIRECT })
  await restart(world, [role], {})
  return isAhead ? outcome : { ...outcome, faults: [...outcome.faults, 'the clock was not ahead'] }
}

async function restart({ crew }: World, roles: readonly Role[], env: Readonly<Record<string, string>>): Promise<void> {
  await Promise.all(roles.map((role) => crew.stop(role)))
  await Promise.all(roles.map((role) => crew.start(role, { env })))
}
