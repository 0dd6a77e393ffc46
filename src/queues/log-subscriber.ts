/**
 * One subscriber connection for a whole process, however many listen: a channel is subscribed while it has a listener
 * and forgotten with its last. Pub/sub forgets what was sent while the connection was away, so every listener is told
 * after it is back and its channels are subscribed again.
 */
import type { Redis } from 'ioredis'
import type { Log } from '../ports.ts'
import { type ConnectRedis, createReadyGate } from './redis.ts'

export interface ChannelListener {
  onMessage(message: string): void
  onInterrupted(): void
}

export interface LogSubscriber {
  /** Resolves when messages flow, with the function that ends it; rejects while Redis is down. */
  subscribe(channel: string, listener: ChannelListener): Promise<() => void>
  /** How many channels have a listener. */
  readonly channelCount: number
  close(): void
}

interface Channel {
  readonly listeners: Set<ChannelListener>
  readonly subscribed: Promise<unknown>
  /** Set once messages flow: only then can an interruption lose any. */
  live: boolean
}

const CHANNELS_PER_COMMAND = 500
/** How often an answer is asked for: nothing else tells a connection that died without a word from a quiet one. */
const PULSE_MS = 5000

export function createLogSubscriber({ connect, log }: { connect: ConnectRedis; log: Log }): LogSubscriber {
  const channels = new Map<string, Channel>()
  let connection: { redis: Redis; whenReady: ReturnType<typeof createReadyGate>; pulse: NodeJS.Timeout } | undefined

  function open() {
    if (connection !== undefined) return connection
    const redis = connect('subscriber')
    redis.on('message', (name: string, message: string) => {
      for (const listener of channels.get(name)?.listeners ?? []) call(log, () => listener.onMessage(message))
    })
    redis.on('ready', () => void resubscribe(redis, channels, log))
    const pulse = setInterval(() => feelPulse(redis), PULSE_MS).unref()
    connection = { redis, whenReady: createReadyGate(redis), pulse }
    return connection
  }

  function join(name: string): Channel {
    const known = channels.get(name)
    if (known !== undefined) return known
    const { redis, whenReady } = open()
    const channel: Channel = {
      listeners: new Set(),
      subscribed: whenReady(() => redis.subscribe(name)),
      live: false,
    }
    channels.set(name, channel)
    return channel
  }

  function leave(name: string, channel: Channel, listener: ChannelListener): void {
    if (!channel.listeners.delete(listener) || channel.listeners.size > 0) return
    if (channels.get(name) === channel) channels.delete(name)
    // While the connection is away there is nothing to leave: it comes back with the channels of the map alone.
    if (connection?.redis.status !== 'ready') return
    connection.redis.unsubscribe(name).catch((error: Error) => log.debug({ err: error }, 'progress channel not left'))
  }

  return {
    get channelCount() {
      return channels.size
    },
    async subscribe(name, listener) {
      const channel = join(name)
      channel.listeners.add(listener)
      try {
        await channel.subscribed
        channel.live = true
        // A channel that others listen to was subscribed once, which says nothing of now.
        await connection?.whenReady(async () => {})
      } catch (error) {
        leave(name, channel, listener)
        throw error
      }
      return () => leave(name, channel, listener)
    },
    close() {
      channels.clear()
      clearInterval(connection?.pulse)
      connection?.redis.disconnect()
      connection = undefined
    },
  }
}

/** The answer says nothing; without one the connection ends after `SILENCE_MS`, and `ready` comes again. */
function feelPulse(redis: Redis): void {
  if (redis.status === 'ready') redis.ping().catch(() => {})
}

/** In parts; a channel that is left before its part comes has nobody who would leave it again. */
async function resubscribe(redis: Redis, channels: ReadonlyMap<string, Channel>, log: Log): Promise<void> {
  const live = [...channels].filter(([, channel]) => channel.live)
  try {
    for (let i = 0; i < live.length; i += CHANNELS_PER_COMMAND) {
      const some = live.slice(i, i + CHANNELS_PER_COMMAND).filter(([name, channel]) => channels.get(name) === channel)
      if (some.length > 0) await redis.subscribe(...some.map(([name]) => name))
    }
  } catch (error) {
    log.warn({ err: error }, 'progress channels not subscribed again')
    redis.disconnect(true)
    return
  }
  for (const [, channel] of live) for (const listener of channel.listeners) call(log, () => listener.onInterrupted())
}

/** One listener's fault must not keep the others from hearing. */
function call(log: Log, notify: () => void): void {
  try {
    notify()
  } catch (error) {
    log.error({ err: error }, 'progress listener failed')
  }
}
