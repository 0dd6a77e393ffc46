import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { createLogSubscriber } from '../../../src/queues/log-subscriber.ts'
import { createTestLog } from '../../contracts/test-log.ts'

/** A connection that knows its channels, and holds `subscribe` of more than one of them until it is let. */
function createConnection() {
  const channels = new Set<string>()
  const gates: (() => void)[] = []
  const connection = Object.assign(new EventEmitter(), {
    status: 'ready',
    channels,
    gates,
    subscribe: async (...names: string[]) => {
      if (names.length > 1) {
        const { promise, resolve } = Promise.withResolvers<void>()
        gates.push(resolve)
        connection.emit('asked')
        await promise
      }
      for (const name of names) channels.add(name)
    },
    unsubscribe: async (name: string) => void channels.delete(name),
    ping: async () => 'PONG',
    disconnect: () => {},
  })
  const subscriber = createLogSubscriber({ connect: () => connection as unknown as Redis, log: createTestLog() })
  return { connection, subscriber }
}

const LISTENER = { onMessage: () => {}, onInterrupted: () => {} }

test('a channel that is left while the others are subscribed again is not, and one that stays is', async () => {
  const { connection, subscriber } = createConnection()
  const names = Array.from({ length: 600 }, (_, index) => `channel-${index}`)
  const leave = await Promise.all(names.map((name) => subscriber.subscribe(name, LISTENER)))
  connection.channels.clear()
  const interrupted = Promise.withResolvers<void>()
  await subscriber.subscribe('channel-598', { ...LISTENER, onInterrupted: interrupted.resolve })
  const asked = once(connection, 'asked')
  connection.emit('ready')
  await asked
  leave[599]?.()
  const next = once(connection, 'asked')
  connection.gates[0]?.()
  await next
  connection.gates[1]?.()
  await interrupted.promise
  assert.deepEqual([...connection.channels].sort(), names.slice(0, 599).sort())
  assert.equal(subscriber.channelCount, 599)
  subscriber.close()
})

test('nobody joins a channel while the connection is away, not even one that others listen to', async () => {
  const { connection, subscriber } = createConnection()
  const leave = await subscriber.subscribe('acme', LISTENER)
  connection.status = 'reconnecting'
  await assert.rejects(subscriber.subscribe('acme', { ...LISTENER }), /Redis is reconnecting/)
  assert.equal(subscriber.channelCount, 1)
  connection.status = 'ready'
  const leaveToo = await subscriber.subscribe('acme', { ...LISTENER })
  leave()
  assert.equal(connection.channels.has('acme'), true)
  leaveToo()
  await setImmediate()
  assert.deepEqual([subscriber.channelCount, connection.channels.size], [0, 0])
  subscriber.close()
})
