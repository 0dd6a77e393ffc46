import { randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { AppError, isFinal } from '../../src/domain/errors.ts'
import type { ConsumeOptions, MessageQueue, OutgoingMessage, ReceivedMessage } from '../../src/ports.ts'
import { createWake } from './wake.ts'

export interface FakeMessageQueue extends MessageQueue {
  /** Every message that was sent, handled or not. */
  readonly sent: readonly OutgoingMessage[]
  /** Bodies in the dead-letter queue. */
  readonly dead: readonly string[]
  /** An outage, and its end. */
  setDown(down: boolean): void
}

interface Stored {
  readonly messageId: string
  readonly body: string
  receiveCount: number
}
type Handler = (message: ReceivedMessage) => Promise<void>

/** A message queue in memory; a message that failed comes back at once, until it is dead. */
export function createFakeMessageQueue({ maxReceiveCount = 5 }: { maxReceiveCount?: number } = {}): FakeMessageQueue {
  const sent: OutgoingMessage[] = []
  const visible: Stored[] = []
  const inFlight = new Set<Stored>()
  const dead: string[] = []
  const change = createWake()
  let down = false
  let probing = false

  async function probeUntilUp(probe: () => Promise<void>, signal: AbortSignal): Promise<void> {
    if (probing) return
    probing = true
    while (!signal.aborted) {
      const up = await probe().then(
        () => true,
        () => false,
      )
      if (up) break
      await nextTurn()
    }
    probing = false
    change.wake()
  }

  async function run(message: Stored, handler: Handler, options: Parameters<MessageQueue['consume']>[1]) {
    const { signal, release, probe } = options
    inFlight.add(message)
    message.receiveCount += 1
    const { body, messageId, receiveCount } = message
    try {
      await handler({ body, messageId, receiveCount, signal: release ?? new AbortController().signal })
    } catch (error) {
      if (message.receiveCount >= maxReceiveCount) dead.push(body)
      else visible.push(message)
      if (probe !== undefined && !isFinal(error)) void probeUntilUp(probe, signal)
    }
    inFlight.delete(message)
    change.wake()
  }

  async function consume(handler: Handler, options: ConsumeOptions & { readonly probe?: () => Promise<void> }) {
    const { concurrency, signal } = options
    const running = new Set<Promise<void>>()
    while (!signal.aborted) {
      const message = running.size < concurrency && !probing && !down ? visible.shift() : undefined
      if (message === undefined) {
        await change.wait(signal)
        continue
      }
      const work: Promise<void> = run(message, handler, options).finally(() => running.delete(work))
      running.add(work)
    }
    await Promise.all(running)
  }

  return {
    sent,
    dead,
    consume,
    setDown(value) {
      down = value
      change.wake()
    },
    async send(messages) {
      if (down) return messages.map(() => new AppError('queue-unavailable', 'The queue cannot be reached'))
      sent.push(...messages)
      for (const { body, onSent } of messages) {
        const messageId = randomUUID()
        visible.push({ messageId, body, receiveCount: 0 })
        onSent?.(messageId)
      }
      change.wake()
      return messages.map(() => undefined)
    },
    async depth() {
      if (down) throw new AppError('queue-unavailable', 'The queue cannot be reached')
      return { visible: visible.length, inFlight: inFlight.size, dead: dead.length }
    },
  }
}
