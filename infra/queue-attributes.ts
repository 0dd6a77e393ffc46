/** What the topology wants of a queue, and what differs from it: for whoever mends it, and whoever only looks. */
import type { QueueAttributeName } from '@aws-sdk/client-sqs'
import type { QueueTopology } from './topology.ts'

export type QueueAttributes = Partial<Record<QueueAttributeName, string>>

/** Of a queue whose dead-letter queue has this ARN. */
export function wantedAttributes(topology: QueueTopology, deadLetterArn: string): QueueAttributes {
  const { maxReceiveCount } = topology
  return {
    VisibilityTimeout: String(topology.visibilityTimeoutS),
    MessageRetentionPeriod: String(topology.retentionS),
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: deadLetterArn, maxReceiveCount }),
  }
}

/** Of its dead-letter queue. */
export function wantedDeadLetterAttributes({ deadLetterRetentionS }: QueueTopology): QueueAttributes {
  return { MessageRetentionPeriod: String(deadLetterRetentionS) }
}

/** The part of what is wanted that is not so. */
export function differingAttributes(wanted: QueueAttributes, found: QueueAttributes): QueueAttributes {
  const differing = Object.entries(wanted).filter(
    ([key, value]) => !isSameAttribute(value, found[key as QueueAttributeName]),
  )
  return Object.fromEntries(differing)
}

/** A redrive policy comes back with its fields in another order, or its number as text. */
function isSameAttribute(wanted: string, found: string | undefined): boolean {
  if (found === undefined || !wanted.startsWith('{')) return wanted === found
  const [a, b] = [JSON.parse(wanted), JSON.parse(found)] as Record<string, unknown>[]
  return Object.keys({ ...a, ...b }).every((key) => String(a?.[key]) === String(b?.[key]))
}
