/**
 * Word that the cutover flag has changed, over one channel of Redis. A subscription forgets what was told while it was
 * away, so whoever listens is also called whenever it begins to hear, the first time and after each reconnect.
 */
import type { Redis } from 'ioredis'
import { toAppError } from '../domain/errors.ts'
import type { CutoverNews } from '../ports/cutover.ts'
import type { Log } from '../ports.ts'
import { type ConnectRedis, createReadyGate } from './redis.ts'

export interface CutoverNewsOptions {
  readonly connect: ConnectRedis
  /** Of the channel, such as `tonewire`. */
  readonly prefix: string
  readonly log: Pick<Log, 'warn' | 'error'>
}

type Listener = Parameters<CutoverNews['listen']>[0]

export function createCutoverNews({ connect, prefix, log }: CutoverNewsOptions): CutoverNews & { close(): void } {
  const channel = `${prefix}:cutover`
  const listeners = new Set<Listener>()
  let teller: { redis: Redis; whenReady: ReturnType<typeof createReadyGate> } | undefined
  let subscriber: Redis | undefined
  let hears = false

  function callAll(version: number | undefined): void {
    for (const listener of listeners) {
      try {
        listener(version)
      } catch (error) {
        log.error({ err: error }, 'cutover listener failed')
      }
    }
  }

  function openTeller() {
    const redis = connect('commands')
    return { redis, whenReady: createReadyGate(redis) }
  }

  function openSubscriber(): Redis {
    const redis = connect('subscriber')
    redis.on('message', (_: string, message: string) => callAll(readVersion(message)))
    redis.on('ready', () => {
      redis.subscribe(channel).then(
        () => {
          hears = true
          callAll(undefined)
        },
        (error: unknown) => {
          log.warn({ err: error }, 'cutover channel not subscribed')
          redis.disconnect(true)
        },
      )
    })
    redis.on('close', () => {
      hears = false
    })
    return redis
  }

  return {
    async tell(version) {
      teller ??= openTeller()
      const { redis, whenReady } = teller
      try {
        await whenReady(() => redis.publish(channel, String(version)))
      } catch (error) {
        throw toAppError(error, 'progress-unavailable', 'The change of the flag could not be told over Redis')
      }
    },
    listen(onChange) {
      listeners.add(onChange)
      subscriber ??= openSubscriber()
      if (hears) queueMicrotask(() => listeners.has(onChange) && onChange(undefined))
      return () => void listeners.delete(onChange)
    },
    close() {
      listeners.clear()
      teller?.redis.disconnect()
      subscriber?.disconnect()
    },
  }
}

/** Anything but a version is news all the same: whoever hears it reads the flag. */
function readVersion(message: string): number | undefined {
  return /^\d{1,10}$/.test(message) ? Number(message) : undefined
}
