/** Connections to Redis, by what they are for: each kind fails, waits and reconnects differently. */
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { Log } from '../ports.ts'
import { parseRedisUrl, type RedisPlace } from './redis-place.ts'

/**
 * - `commands`: answers or fails within `COMMAND_TIMEOUT_MS`, and at once while Redis is known to be down.
 * - `producer`: the same, for BullMQ, which makes pipelines of its own.
 * - `subscriber`: pub/sub only; its owner subscribes again after a reconnect.
 * - `worker`: waits for Redis as long as it takes. Jobs that end together end in one write.
 */
export type RedisRole = 'commands' | 'producer' | 'subscriber' | 'worker'

/** Opens a new connection, which belongs to the caller. It connects in the background and never gives up. */
export type ConnectRedis = (role: RedisRole) => Redis

export const COMMAND_TIMEOUT_MS = 1500
/** After a command that was not answered in time, how long further ones are refused at once. */
export const HUNG_PAUSE_MS = 3000
/** A connection that owes an answer and says nothing for this long is dead, though nobody said so: it is made anew. */
export const SILENCE_MS = 4000
/** How long a command waits for a connection that is just being made. */
export const CONNECT_WAIT_MS = 1500

type RoleOptions = Pick<
  RedisOptions,
  | 'enableOfflineQueue'
  | 'enableAutoPipelining'
  | 'maxRetriesPerRequest'
  | 'autoResendUnfulfilledCommands'
  | 'autoResubscribe'
  | 'commandTimeout'
  | 'socketTimeout'
>

const FAIL_FAST = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  commandTimeout: COMMAND_TIMEOUT_MS,
  socketTimeout: SILENCE_MS,
} satisfies RoleOptions
const OPTIONS: Readonly<Record<RedisRole, RoleOptions>> = {
  commands: { ...FAIL_FAST, enableAutoPipelining: true },
  producer: FAIL_FAST,
  subscriber: { ...FAIL_FAST, autoResubscribe: false },
  worker: { maxRetriesPerRequest: null, enableAutoPipelining: true },
}

const CONNECTING = { connectTimeout: 5000, retryStrategy: reconnectDelayMs } satisfies RedisOptions

/** Makes the factory of connections to one Redis, or to a cluster. Outages are logged once each. */
export function createConnectRedis(url: string, log: Log): ConnectRedis {
  const place = parseRedisUrl(url)
  return (role) => {
    const isOfCluster = place.nodes.length > 0
    const redis = isOfCluster ? connectToCluster(place, role) : new Redis(url, { ...CONNECTING, ...OPTIONS[role] })
    logOutages(redis, log, role)
    return redis
  }
}

/**
 * Commands go to the node that has their keys, and all keys of a call are in one slot. What is published reaches every
 * node, so one subscriber connection to any of them hears it all; when that is lost the next node is tried, and the
 * process knows that it may have missed something, which a cluster client's own subscriber does not tell.
 */
function connectToCluster(place: RedisPlace, role: RedisRole): Redis {
  if (role === 'subscriber') return subscribeToAny(place)
  const { enableAutoPipelining = false, enableOfflineQueue = true, ...redisOptions } = OPTIONS[role]
  const cluster = new Cluster([...place.nodes], {
    clusterRetryStrategy: reconnectDelayMs,
    enableAutoPipelining,
    enableOfflineQueue,
    redisOptions: { connectTimeout: CONNECTING.connectTimeout, ...redisOptions, ...secretsOf(place) },
  })
  // The same commands, events and states; only what concerns a single server is missing, and nobody here asks for it.
  return cluster as unknown as Redis
}

function subscribeToAny(place: RedisPlace): Redis {
  const { nodes } = place
  let next = Math.floor(Math.random() * nodes.length)
  const retryStrategy = (tries: number): number => {
    next = (next + 1) % nodes.length
    Object.assign(redis.options, nodes[next])
    return reconnectDelayMs(tries)
  }
  const options = { ...CONNECTING, ...OPTIONS.subscriber, ...secretsOf(place), ...nodes[next] }
  const redis: Redis = new Redis({ ...options, retryStrategy })
  return redis
}

function secretsOf({ tls, username, password }: RedisPlace) {
  return { ...(username && { username }), ...(password && { password }), ...(tls && { tls: {} }) }
}

/** Short, because a process without Redis shows nothing live; jittered, because many processes lose it together. */
function reconnectDelayMs(tries: number): number {
  return Math.min(50 * 2 ** Math.min(tries, 5), 1000) * (0.75 + Math.random() / 2)
}

function logOutages(redis: Redis, log: Log, role: RedisRole): void {
  let down = false
  redis.on('error', (error: Error) => {
    if (!down) log.warn({ role, err: error }, 'redis connection lost')
    down = true
  })
  redis.on('ready', () => {
    if (down) log.info({ role }, 'redis connection restored')
    down = false
  })
}

/**
 * Makes a function that runs a command when the connection can take one. It waits for an attempt to connect that is
 * under way, at most `CONNECT_WAIT_MS`, and rejects at once while Redis is known to be down or to hang: an upload waits
 * for one command that is not answered, not for each.
 */
export function createReadyGate(redis: Redis): <T>(work: () => Promise<T>) => Promise<T> {
  const ready = createReadyCheck(redis)
  let hungUntilMs = 0
  return async (work) => {
    if (performance.now() < hungUntilMs) throw new Error('Redis does not answer')
    await ready()
    try {
      return await work()
    } catch (error) {
      if (/timed out/i.test(String(error))) hungUntilMs = performance.now() + HUNG_PAUSE_MS
      throw error
    }
  }
}

function createReadyCheck(redis: Redis): () => Promise<void> {
  let attempt: Promise<void> | undefined
  return async () => {
    if (redis.status === 'ready') return
    if (redis.status !== 'connecting' && redis.status !== 'connect') throw new Error(`Redis is ${redis.status}`)
    attempt ??= untilConnected(redis).finally(() => {
      attempt = undefined
    })
    await attempt
  }
}

function untilConnected(redis: Redis): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onClose = () => reject(new Error('Redis refused the connection'))
  const timer = setTimeout(() => reject(new Error('Redis does not answer')), CONNECT_WAIT_MS)
  redis.once('ready', resolve)
  redis.once('close', onClose)
  return promise.finally(() => {
    clearTimeout(timer)
    redis.off('ready', resolve)
    redis.off('close', onClose)
  })
}
