/** Follows a job as a browser does, over as many connections as it takes, and writes down what was dispatched. */
import { setTimeout as delay } from 'node:timers/promises'
import { splitEvents } from '../../src/client/server-events.ts'
import { isTerminal, type JobStatus, rankOf } from '../../src/domain/job.ts'

export interface Dispatched {
  readonly event: string
  readonly id: string | undefined
  readonly status: JobStatus
  readonly progress: number
  readonly attempt: number
}

/** What the answer to an upload says of its job. */
export interface Accepted extends Omit<Dispatched, 'event' | 'id'> {
  readonly job_id: string
  readonly event_cursor: string | null
}

export interface Recorded {
  /** What the client knew before: the answer to its upload is the first of them. */
  readonly events: readonly Dispatched[]
  /** The server said that there is nothing more (204). */
  readonly over: boolean
}

/** Browsers wait as long as `retry:` says; the drill has less time. */
const LONGEST_WAIT_MS = 400

/** Resolves after the terminal event, or with what there is when `deadline` aborts. A repeated upload may end at once. */
export async function recordStream(
  at: { readonly url: string; readonly key: string },
  { job_id: jobId, event_cursor: cursor, status, progress, attempt }: Accepted,
  deadline: AbortSignal,
): Promise<Recorded> {
  const events: Dispatched[] = [{ event: 'accepted', id: undefined, status, progress, attempt }]
  let lastId = cursor ?? ''
  while (!deadline.aborted) {
    try {
      const headers = { authorization: `Bearer ${at.key}`, ...(lastId !== '' && { 'last-event-id': lastId }) }
      const response = await fetch(`${at.url}/v1/jobs/${jobId}/events`, { headers, signal: deadline })
      if (response.status === 204) return { events, over: true }
      if (response.status !== 200 || response.body === null) throw new Error(`answered ${response.status}`)
      for await (const { event, id, data } of splitEvents(response.body)) {
        lastId = id ?? lastId
        if (data !== undefined) events.push({ event, id, ...(JSON.parse(data) as Omit<Dispatched, 'event' | 'id'>) })
      }
    } catch (error) {
      // What a browser does: wait, and connect again. Only our own mistakes are told.
      if (error instanceof SyntaxError) throw error
    }
    if (isTerminal(events.at(-1)?.status ?? 'uploading')) return { events, over: true }
    await delay(LONGEST_WAIT_MS)
  }
  return { events, over: false }
}

/** What is wrong with a stream, in sentences. `end` is the row's status. */
export function faultsOfStream({ events }: Recorded, end: string): string[] {
  const faults: string[] = []
  const ids = new Set<string>()
  let last: Dispatched | undefined
  let afterGap = false
  for (const event of events) {
    if (event.event === 'gap') {
      afterGap = true
      continue
    }
    if (event.id !== undefined && ids.has(event.id)) faults.push(`event ${event.id} came twice`)
    if (event.id !== undefined) ids.add(event.id)
    if (last !== undefined && last.attempt === event.attempt) faults.push(...faultsOfStep(last, event, afterGap))
    last = event
    afterGap = false
  }
  if (last?.status !== end) faults.push(`the stream ended with ${last?.status ?? 'nothing'} where the row is ${end}`)
  return faults
}

function faultsOfStep(from: Dispatched, to: Dispatched, afterGap: boolean): string[] {
  // The answer is younger than its cursor: what came in between is told once more.
  if (from.event === 'accepted') return []
  const step = `${from.status} ${from.progress} → ${to.status} ${to.progress}`
  if (isTerminal(from.status)) return [`something followed the end: ${step}`]
  if (rankOf(to.status) < rankOf(from.status)) return [`the status went back: ${step}`]
  if (to.progress < from.progress && !afterGap) return [`the progress went back: ${step}`]
  return []
}
