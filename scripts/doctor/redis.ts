/** Redis: reachable, recent enough, never evicting, with memory left, and with a queue that moves. */
import { Redis } from 'ioredis'
import { TOPOLOGY } from '../../infra/topology.ts'
import { parseRedisUrl } from '../../src/queues/redis-place.ts'
import { ANSWER_TIMEOUT_MS, type Check, type Finding, fault, info, ok, warning } from './check.ts'

const OLDEST_VERSION = [6, 2] as const
const MEMORY_SHARE = 0.9
/** So many of the active jobs are looked at. */
const ACTIVE_SAMPLE = 200
const BASE = `${TOPOLOGY.jobQueue.prefix}:${TOPOLOGY.jobQueue.name}`

export function checkRedis(url: string): Check {
  return {
    name: 'redis',
    run: async () => (await Promise.all(parseRedisUrl(url).urls.map(lookAt))).flat(),
    mendOf: (error) =>
      /WRONGPASS|NOAUTH|NOPERM|invalid password/i.test(String(error))
        ? 'mend user and password in REDIS_URL'
        : 'start Redis, or mend host and port in REDIS_URL; uploads are accepted meanwhile, and wait in their rows',
  }
}

/** One server, or one node of a cluster. */
async function lookAt(url: string): Promise<Finding[]> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: ANSWER_TIMEOUT_MS,
    commandTimeout: ANSWER_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  })
  const failures: Error[] = []
  redis.on('error', (error) => failures.push(error))
  try {
    await redis.connect().catch((error: unknown) => {
      // "Connection is closed" says less than why it was.
      throw failures[0] ?? error
    })
    return await look(redis)
  } finally {
    redis.disconnect()
  }
}

async function look(redis: Redis): Promise<Finding[]> {
  const facts = parseInfo(await redis.info())
  return [
    checkVersion(facts),
    checkEviction(facts),
    checkMemory(facts),
    describePersistence(facts),
    ...(await checkCluster(redis, facts)),
    ...(await checkQueue(redis).catch(unlessElsewhere)),
  ]
}

type Facts = ReadonlyMap<string, string>

function parseInfo(text: string): Facts {
  return new Map(text.split(/\r?\n/).flatMap((line) => [line.split(/:(.*)/s, 2) as [string, string]]))
}

function checkVersion(facts: Facts): Finding {
  const own = facts.get('valkey_version')
  const version = own ?? facts.get('redis_version') ?? ''
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const seen = `${own === undefined ? 'Redis' : 'Valkey'} ${version}`
  const isOld = major < OLDEST_VERSION[0] || (major === OLDEST_VERSION[0] && minor < OLDEST_VERSION[1])
  return isOld && own === undefined ? fault(seen, 'upgrade to Redis 6.2 or later, or Valkey') : ok(seen)
}

function checkEviction(facts: Facts): Finding {
  const policy = facts.get('maxmemory_policy') ?? 'unknown'
  const seen = `maxmemory-policy is ${policy}`
  return policy === 'noeviction'
    ? ok(seen)
    : fault(`${seen}: it may throw queued jobs away`, 'set maxmemory-policy noeviction')
}

function checkMemory(facts: Facts): Finding {
  const used = Number(facts.get('used_memory') ?? 0)
  const most = Number(facts.get('maxmemory') ?? 0)
  if (most === 0) return ok(`${toMiB(used)} used, without a limit of its own`)
  const seen = `${toMiB(used)} of ${toMiB(most)} used`
  const mend = 'raise maxmemory; until then uploads are accepted and wait in their rows'
  if (used >= most) return fault(`${seen}: it takes no more jobs and shows no progress`, mend)
  return used >= MEMORY_SHARE * most ? warning(seen, mend) : ok(seen)
}

function toMiB(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}

/** Either is fine: what is lost with Redis is rebuilt from the rows. */
function describePersistence(facts: Facts): Finding {
  const isKept = facts.get('aof_enabled') === '1'
  const at = Number(facts.get('rdb_last_save_time') ?? 0) * 1000
  return info(isKept ? 'append-only file is on' : `no append-only file; last snapshot ${new Date(at).toISOString()}`)
}

async function checkCluster(redis: Redis, facts: Facts): Promise<Finding[]> {
  if (facts.get('cluster_enabled') !== '1') return []
  const keys = ['wait', 'active', 'prioritized', 'meta'].map((name) => `${BASE}:${name}`)
  const slots = new Set(await Promise.all(keys.map((key) => redis.cluster('KEYSLOT', key))))
  return slots.size === 1
    ? [ok(`a cluster; the queue's keys are in one slot (${[...slots].join()})`)]
    : [fault("the queue's keys are in several slots", 'its prefix must be in a hash tag, such as {tonewire}')]
}

async function checkQueue(redis: Redis): Promise<Finding[]> {
  const [paused, waiting, prioritized, active, clients] = await Promise.all([
    redis.hexists(`${BASE}:meta`, 'paused'),
    redis.llen(`${BASE}:wait`),
    redis.zcard(`${BASE}:prioritized`),
    redis.lrange(`${BASE}:active`, 0, ACTIVE_SAMPLE - 1),
    countWorkers(redis),
  ])
  const found: Finding[] = []
  if (paused === 1)
    found.push(fault(`the queue ${TOPOLOGY.jobQueue.name} is paused`, `resume it: HDEL ${BASE}:meta paused`))
  const stalled = await countStalled(redis, active)
  const waits = waiting + prioritized
  const mend = 'start npm run worker:forward'
  if (stalled > 0)
    found.push(warning(`${stalled} jobs are held by a forwarder that is gone`, `${mend}: it takes them up again`))
  if (clients === 0 && waits > 0) found.push(fault(`${waits} jobs wait, and no forwarder is connected`, mend))
  if (clients === 0 && waits === 0) found.push(warning('no forwarder is connected', mend))
  const text = `the queue holds ${waits} waiting and ${active.length} active jobs`
  return found.length > 0 ? found : [ok(`${text}; forwarders connected: ${clients ?? 'unknown'}`)]
}

/** Of a cluster one node has the queue; the others say so. */
function unlessElsewhere(error: unknown): Finding[] {
  if (/^ReplyError: MOVED /.test(String(error))) return []
  throw error
}

/** Whose lock has run out, and who are still active after that was seen: jobs that just ended have neither. */
async function countStalled(redis: Redis, active: readonly string[]): Promise<number> {
  const locks = await Promise.all(active.map((id) => redis.exists(`${BASE}:${id}:lock`)))
  const unlocked = active.filter((_, index) => locks[index] === 0)
  if (unlocked.length === 0) return 0
  const still = new Set(await redis.lrange(`${BASE}:active`, 0, ACTIVE_SAMPLE - 1))
  return unlocked.filter((id) => still.has(id)).length
}

/** BullMQ's workers give their connections the name of their queue; undefined where clients must not be listed. */
async function countWorkers(redis: Redis): Promise<number | undefined> {
  const list = await redis.client('LIST').catch((error: unknown) => {
    if (/unknown|NOPERM/i.test(String(error))) return undefined
    throw error
  })
  const { prefix, name } = TOPOLOGY.jobQueue
  const connectionName = `name=${prefix}:${Buffer.from(name).toString('base64')}`
  return list === undefined
    ? undefined
    : String(list)
        .split('\n')
        .filter((line) => line.includes(`${connectionName} `) || line.includes(`${connectionName}:`)).length
}
