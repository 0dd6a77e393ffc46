/** The three calls a client needs: upload, follow, result. */
import { openAsBlob } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

export interface Client {
  readonly url: string
  readonly key: string
}

export interface JobEvent {
  readonly event: string
  readonly data: { job_id: string; status: string; progress: number; message: string; error?: { detail: string } }
}

/** Uploads one file as `multipart/form-data` and returns the job. */
export async function upload(client: Client, file: string): Promise<{ job_id: string; event_cursor: string | null }> {
  const form = new FormData()
  form.append('file', await openAsBlob(file), basename(file))
  const response = await call(client, '/v1/jobs', { method: 'POST', body: form })
  return (await response.json()) as { job_id: string; event_cursor: string | null }
}

/** Yields the job's events until its stream ends for good; a stream that breaks off is opened again where it was. */
export async function* follow(client: Client, jobId: string, cursor: string | null): AsyncGenerator<JobEvent> {
  let lastEventId = cursor ?? ''
  for (;;) {
    const headers = { accept: 'text/event-stream', ...(lastEventId ? { 'last-event-id': lastEventId } : {}) }
    const response = await call(client, `/v1/jobs/${jobId}/events`, { headers })
    if (response.status === 204 || response.body === null) return
    let retryMs = 1_000
    for await (const { id, event, data, retry } of parseEvents(response.body)) {
      lastEventId = id ?? lastEventId
      retryMs = Number(retry ?? retryMs)
      if (event === undefined || data === undefined) continue
      yield { event, data: JSON.parse(data) }
      if (['completed', 'failed', 'cancelled'].includes(JSON.parse(data).status)) return
    }
    await delay(retryMs)
  }
}

export async function result<T>(client: Client, jobId: string): Promise<T> {
  return (await (await call(client, `/v1/jobs/${jobId}/result`)).json()) as T
}

async function call({ url, key }: Client, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { ...(init.headers as Record<string, string>), authorization: `Bearer ${key}` }
  const response = await fetch(new URL(path, url), { ...init, headers })
  if (response.ok) return response
  const problem = (await response.json()) as { title?: string; detail?: string }
  throw new Error(`${problem.title}: ${problem.detail}`)
}

/** Splits a stream of server-sent events into their fields. */
async function* parseEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<Record<string, string>> {
  let pending = ''
  for await (const text of body.pipeThrough(new TextDecoderStream() as never) as unknown as AsyncIterable<string>) {
    const blocks = (pending + text).split('\n\n')
    pending = blocks.pop() ?? ''
    for (const block of blocks) yield parseFields(block)
  }
}

function parseFields(block: string): Record<string, string> {
  return Object.fromEntries(
    block.split('\n').map((line) => {
      const [name = '', ...rest] = line.split(': ')
      return [name, rest.join(': ')]
    }),
  )
}
