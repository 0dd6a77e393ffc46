/**
 * Waiting belongs where priority, cancelling and limits per owner act: before SQS, which keeps no order that we could
 * change. So the forwarder sends only while fewer than so many jobs are unfinished in SQS.
 *
 *   in SQS = rows forwarded or analysing, as last counted
 *          + what this process was sending when it counted, or has begun to send since
 *
 * That counts some jobs twice for a moment, and none too few; several forwarders together may pass the window by what
 * each sends between two counts.
 */
import type { Ports, QueuedJob } from '../ports.ts'

export interface ForwardWindow {
  /** How many more jobs may be sent now. Throws `database-unavailable`. */
  room(): Promise<number>
  /** Runs the forwarding of a job, which takes a place. */
  send(entry: QueuedJob): Promise<void>
}

export interface ForwardWindowOptions {
  /** Most jobs unfinished in SQS. */
  readonly size: number
  readonly forward: (entry: QueuedJob) => Promise<void>
  /** Rows are counted at most this often. Default 250 ms. */
  readonly intervalMs?: number
  readonly now?: () => number
}

export function createForwardWindow(ports: Pick<Ports, 'jobs'>, options: ForwardWindowOptions): ForwardWindow {
  const { size, forward, intervalMs = 250, now = () => performance.now() } = options
  let count: Promise<number> | undefined
  let countedAt = Number.NEGATIVE_INFINITY
  let sending = 0
  let sentSince = 0

  function inFlight(): Promise<number> {
    if (count !== undefined && now() < countedAt + intervalMs) return count
    countedAt = now()
    sentSince = sending
    count = ports.jobs.countInFlight(size)
    return count
  }

  return {
    room: async () => Math.max(0, size - (await inFlight()) - sentSince),
    async send(entry) {
      sending += 1
      sentSince += 1
      try {
        await forward(entry)
      } finally {
        sending -= 1
      }
    },
  }
}
