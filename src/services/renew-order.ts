/**
 * Invariant 10 on the analysis queue: SQS counts receives, and an outage is no fault of the order. The probe of a consumer
 * cannot see every outage (a bucket that answers and gives nothing out, a database that takes no writes), so an order that
 * only outages kept from its end begins to count anew before the redrive policy takes it away.
 */
import { type ErrorCode, toAppError } from '../domain/errors.ts'
import type { Ports, ReceivedMessage } from '../ports.ts'

/** What passes by itself and has nothing to do with the order. `not-ready` is ffmpeg that cannot be started any more. */
const OUTAGES: ReadonlySet<ErrorCode> = new Set([
  'database-unavailable',
  'storage-unavailable',
  'queue-unavailable',
  'progress-unavailable',
  'not-ready',
  'shutting-down',
])

export interface Renewal {
  readonly error: unknown
  readonly groupId: string
  /** Of the queue's redrive policy. */
  readonly maxReceiveCount: number
}

/**
 * Sends an order that failed by an outage once more, as it came: true when that was done, and the message is to be
 * acknowledged. It is done one receive before the last: when the process is killed before it acknowledges, or that
 * fails, the order comes again twice, which is harmless, and does not end among the dead letters. Never throws.
 */
export async function renewOrder(
  { analysisQueue, metrics, log }: Pick<Ports, 'analysisQueue' | 'metrics' | 'log'>,
  { body, messageId, receiveCount }: ReceivedMessage,
  { error, groupId, maxReceiveCount }: Renewal,
): Promise<boolean> {
  const { code } = toAppError(error)
  if (receiveCount < maxReceiveCount - 1 || !OUTAGES.has(code)) return false
  const [failure] = await analysisQueue.send([{ body, groupId }]).catch((refusal: unknown) => [refusal])
  if (failure !== undefined) log.warn({ messageId, receiveCount, err: failure }, 'order not sent anew')
  else metrics.count('analyses', { outcome: 'renewed' })
  return failure === undefined
}
