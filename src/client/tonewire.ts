/**
 * A client for the API, for browsers and Node alike: it imports nothing but the files beside it. Uploads and streams
 * outlive what passes: a lost connection, a restart of the server, 429 and 503.
 */
import { follow } from './follow.ts'
import { passes, wait, waitAfter, withSignal } from './retries.ts'
import {
  type Call,
  type CallOptions,
  type FollowOptions,
  type Job,
  type Problem,
  type ResultFormat,
  TonewireError,
  type UploadFields,
  type UploadOptions,
} from './wire.ts'

export interface ClientOptions {
  readonly url: string
  /** A key or an access token. A page of the same site leaves it out: its session's cookie goes along by itself. */
  readonly key?: string
  readonly fetch?: typeof fetch
}

export type Client = ReturnType<typeof createClient>
const UPLOAD_TRIES = 6

export function createClient({ url, key, fetch: send = fetch }: ClientOptions) {
  const base = new URL(url)
  const call: Call = async (path, init = {}) => {
    const headers = new Headers(init.headers)
    if (key !== undefined) headers.set('authorization', `Bearer ${key}`)
    const response = await send(new URL(path, base), { ...init, headers })
    if (response.ok) return response
    throw new TonewireError(response, (await response.json().catch(() => ({}))) as Problem)
  }
  const job = async (jobId: string, { signal }: CallOptions = {}): Promise<Job> => {
    const response = await call(`/v1/jobs/${encodeURIComponent(jobId)}`, withSignal(signal))
    return (await response.json()) as Job
  }
  const result = async (jobId: string, format: ResultFormat = 'json', { signal }: CallOptions = {}) => {
    const path = `/v1/jobs/${encodeURIComponent(jobId)}/result?format=${format}`
    const response = await call(path, withSignal(signal))
    return format === 'json' ? response.json() : response.text()
  }
  return {
    /**
     * Sends a recording. What passes is tried again under the same idempotency key, so that it makes one job however
     * often it was sent; a stream can be read once only, so it is sent once only.
     */
    upload: (file: Blob | Uint8Array | ReadableStream, fields: UploadFields = {}, options: UploadOptions = {}) =>
      upload(call, file, fields, options),
    job,
    /**
     * The events of one job, or with `all` of every job of the owner: each once, in order, from `cursor` on (a job's
     * `event_cursor`, or the `id` of an event), without one from how things stand now. Ends after the job's terminal
     * event; a stream that breaks off is opened again where it was. Throws for what does not pass, such as 401 and 404.
     */
    follow: (jobId: string | 'all', options: FollowOptions = {}) => follow(call, jobId, options),
    /** The analysis: parsed JSON, or the text of another format. */
    result: result as {
      (jobId: string, format?: 'json', options?: CallOptions): Promise<Record<string, unknown>>
      (jobId: string, format: Exclude<ResultFormat, 'json'>, options?: CallOptions): Promise<string>
    },
  }
}

async function upload(
  call: Call,
  file: Blob | Uint8Array | ReadableStream,
  { metadata, ...fields }: UploadFields,
  { signal, onRetry, idempotencyKey = crypto.randomUUID() }: UploadOptions,
): Promise<Job> {
  const query = new URLSearchParams(Object.entries(fields).filter(([, value]) => value !== undefined))
  if (metadata !== undefined) query.set('metadata', JSON.stringify(metadata))
  const type = file instanceof Blob && /^audio\//.test(file.type) ? file.type : 'application/octet-stream'
  const headers = { 'content-type': type, 'idempotency-key': idempotencyKey }
  const isStream = file instanceof ReadableStream
  const init = { method: 'POST', headers, body: file, ...withSignal(signal), ...(isStream ? { duplex: 'half' } : {}) }
  for (let tries = 1; ; tries++) {
    try {
      return (await (await call(`/v1/jobs?${query}`, init as RequestInit)).json()) as Job
    } catch (error) {
      if (isStream || tries === UPLOAD_TRIES || !passes(error)) throw error
      await wait(waitAfter(error, tries), error, { signal, onRetry })
    }
  }
}
