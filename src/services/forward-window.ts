/**
 * Waiting belongs where priority, cancelling and limits per owner act: before SQS, which keeps no order that we could
 * change. So the forwarder sends only while fewer than so many jobs are unfinished in SQS, in all and of one owner.
 *
 *   in SQS = rows forwarded or analysing, as last counted
 *          + what this process was sending when it counted, or has begun to send since
 *
 * That counts some jobs twice for a moment, and none too few; several forwarders together may pass the window, and an
 * owner its share, by what each sends between two counts.
 */
import type { Ports, QueuedJob, Room } from '../ports.ts'

export interface ForwardWindow {
  /** How many more jobs may be sent now. Throws `database-unavailable`. */
  room(): Promise<Room>
  /** Runs the forwarding of a job, which takes a place. */
  send(entry: QueuedJob): Promise<void>
}

export interface ForwardWindowOptions {
  /** Most jobs unfinished in SQS. */
  readonly size: number
  /** Most of them of one owner. */
  readonly perOwner: number
  readonly forward: (entry: QueuedJob) => Promise<void>
  /** Rows are counted at most this often. Default 250 ms. */
  readonly intervalMs?: number
  readonly now?: () => number
}

type Counts = ReadonlyMap<string, number>

export function createForwardWindow(ports: Pick<Ports, 'jobs'>, options: ForwardWindowOptions): ForwardWindow {
  const { size, perOwner, forward, intervalMs = 250, now = () => performance.now() } = options
  let count: Promise<Counts> | undefined
  let countedAt = Number.NEGATIVE_INFINITY
  const sending = new Map<string, number>()
  let sentSince = new Map<string, number>()

  function inFlight(): Promise<Counts> {
    if (count !== undefined && now() < countedAt + intervalMs) return count
    countedAt = now()
    sentSince = new Map(sending)
    count = ports.jobs.countInFlight(size)
    return count
  }

  return {
    async room() {
      const counted = await inFlight()
      // As it is now: an answer does not change with what is sent after it.
      const sent = new Map(sentSince)
      const taken = (owner: string): number => (counted.get(owner) ?? 0) + (sent.get(owner) ?? 0)
      return {
        places: Math.max(0, size - sumOf(counted) - sumOf(sent)),
        placesOf: (owner) => Math.max(0, perOwner - taken(owner)),
      }
    },
    async send(entry) {
      add(sending, entry.owner, 1)
      add(sentSince, entry.owner, 1)
      try {
        await forward(entry)
      } finally {
        add(sending, entry.owner, -1)
      }
    },
  }
}

function add(counts: Map<string, number>, owner: string, by: number): void {
  const sum = (counts.get(owner) ?? 0) + by
  if (sum === 0) counts.delete(owner)
  else counts.set(owner, sum)
}

function sumOf(counts: Counts): number {
  let sum = 0
  for (const count of counts.values()) sum += count
  return sum
}
