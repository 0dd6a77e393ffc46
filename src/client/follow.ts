/** Follows jobs over server-sent events, on as many connections as it takes. */
import { FIRST_WAIT_MS, passes, wait, waitAfter } from './retries.ts'
import { splitEvents } from './server-events.ts'
import type { Call, FollowOptions, JobEvent } from './wire.ts'

const TERMINAL: readonly unknown[] = ['completed', 'failed', 'cancelled']
/** The server is heard of at least every 15 s: after three times that the connection is dead. */
const SILENCE_MS = 45_000
const JOBS_KNOWN = 10_000

export async function* follow(
  call: Call,
  jobId: string | 'all',
  { signal, cursor, onRetry }: FollowOptions,
): AsyncGenerator<JobEvent, void, undefined> {
  const path = jobId === 'all' ? '/v1/events' : `/v1/jobs/${encodeURIComponent(jobId)}/events`
  const told = new Map<unknown, string>()
  const state = { lastId: cursor ?? '', retryMs: FIRST_WAIT_MS, ended: false, isAtEnd: false }
  for (let failures = 0; ; ) {
    let cause: unknown
    try {
      for await (const event of listen(call, path, state, signal)) {
        failures = 0
        if (isNews(event, told)) yield event
      }
      if (state.ended || (jobId !== 'all' && state.isAtEnd)) return
    } catch (error) {
      if (!passes(error)) throw error
      cause = error
      failures += 1
    }
    const afterMs = cause === undefined ? state.retryMs : waitAfter(cause, failures, state.retryMs)
    await wait(afterMs, cause, { signal, onRetry })
  }
}

interface Place {
  lastId: string
  retryMs: number
  /** The server has nothing more to tell: 204. */
  ended: boolean
  /** The last that was told is how an attempt ended. Another may follow; if the server ends the stream, none does. */
  isAtEnd: boolean
}

/** One connection. Keeps the place in `state` as it goes, so that the next one begins there. */
async function* listen(
  call: Call,
  path: string,
  state: Place,
  signal: AbortSignal | undefined,
): AsyncGenerator<JobEvent, void, undefined> {
  const silence = new AbortController()
  const headers = { accept: 'text/event-stream', ...(state.lastId === '' ? {} : { 'last-event-id': state.lastId }) }
  const both = signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal])
  const startTimer = () => setTimeout(() => silence.abort(new TypeError('The connection went silent')), SILENCE_MS)
  let timer = startTimer()
  try {
    const { status, body } = await call(path, { headers, signal: both })
    state.ended = status === 204
    if (body === null) return
    const heard = () => {
      clearTimeout(timer)
      timer = startTimer()
    }
    for await (const { id, event, data, retryMs } of splitEvents(body, heard)) {
      state.lastId = id ?? state.lastId
      state.retryMs = retryMs ?? state.retryMs
      // Who is told when to come back is not at the end.
      if (retryMs !== undefined) state.isAtEnd = false
      if (data === undefined) continue
      const told = { event, id, data: JSON.parse(data) } as JobEvent
      state.isAtEnd = TERMINAL.includes(told.data.status)
      yield told
    }
  } finally {
    clearTimeout(timer)
    silence.abort()
  }
}

/** False for what was told already: another stream begins with how things stand, and that may be known. */
function isNews({ event, data }: JobEvent, told: Map<unknown, string>): boolean {
  if (data.job_id === undefined || event === 'notification') return true
  const step = `${data.attempt} ${data.status} ${data.progress} ${data.message}`
  const isNew = told.get(data.job_id) !== step
  if (told.size >= JOBS_KNOWN) told.clear()
  told.set(data.job_id, step)
  return isNew
}
