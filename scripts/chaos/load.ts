/** The jobs of one cell: every way into the system, and every way a job ends. */
import { randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { type Answer, type Client, createClient } from './client.ts'
import { BROKEN, SPOKEN, toneWav } from './recordings.ts'
import { type Accepted, type Recorded, recordStream } from './stream.ts'

export interface SentJob {
  readonly kind: string
  readonly jobId: string
  /** What the row may end as. */
  readonly mayEnd: readonly string[]
  readonly hasCallback: boolean
  /** Undefined of a client that follows nothing. */
  readonly stream?: Recorded
}

export interface Load {
  /** Every job whose upload was answered 202. */
  readonly jobs: readonly SentJob[]
  /** Where a client was not served, in sentences. */
  readonly faults: readonly string[]
}

export interface LoadOptions {
  readonly url: string
  readonly key: string
  readonly callbackUrl: string
  readonly kinds: readonly Kind[]
  readonly deadline: AbortSignal
}

interface Context extends LoadOptions {
  readonly client: Client
}

const COMPLETED = ['completed']
const ACCEPTED = 202
/** A job that is to be cancelled waits for this long: time enough, and it does not outlast its cell. */
const HOLD_MS = 4000
const LONG_S = 75
const long = toneWav(LONG_S, 150)
/** Some seconds of work for an analyser. */
const LONGEST_S = 480
let longest: Buffer | undefined
const tone = toneWav(0.6, 180)

/** What clients do, by name. Each resolves when its job's stream has ended. */
const KINDS = {
  plain: (context) => uploaded(context, 'plain', SPOKEN),
  callback: (context) => uploaded(context, 'callback', SPOKEN, { callback: true }),
  failing: (context) => uploaded(context, 'failing', BROKEN, { mayEnd: ['failed'], callback: true }),
  long: (context) => uploaded(context, 'long', long),
  longest: (context) => {
    longest ??= toneWav(LONGEST_S, 140)
    return uploaded(context, 'longest', longest)
  },
  tone: (context) => uploaded(context, 'tone', tone),
  /** Whoever sends it does not look back. */
  quiet: async (context) => {
    const accepted = await send(context, tone, {})
    return { kind: 'quiet', jobId: `${accepted.body.job_id}`, mayEnd: COMPLETED, hasCallback: false }
  },
  cut: async (context) => {
    const key = randomUUID()
    await sendHalf(context, key)
    return uploaded(context, 'cut', SPOKEN, { key })
  },
  twice: async (context) => {
    const key = randomUUID()
    const [first, second] = await Promise.all([
      uploaded(context, 'twice', SPOKEN, { key }),
      uploaded(context, 'twice', SPOKEN, { key }),
    ])
    if (first.jobId !== second.jobId) throw new Error(`one key made two jobs: ${first.jobId}, ${second.jobId}`)
    return first
  },
  cancelled,
  compared,
  direct,
} satisfies Record<string, (context: Context) => Promise<SentJob>>

export type Kind = keyof typeof KINDS
export const ALL_KINDS = (Object.keys(KINDS) as Kind[]).filter((kind) => kind !== 'quiet' && kind !== 'tone')

/** Sends everything at once, and resolves when every client is done or the deadline has come. Never rejects. */
export async function sendLoad(options: LoadOptions): Promise<Load> {
  const client = createClient(options.url, options.key, options.deadline)
  const context = { ...options, client }
  const outcomes = await Promise.allSettled(options.kinds.map((kind) => KINDS[kind](context)))
  return {
    jobs: outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : [])),
    faults: outcomes.flatMap((outcome, index) =>
      outcome.status === 'rejected' ? [`${options.kinds[index]}: ${(outcome.reason as Error).message}`] : [],
    ),
  }
}

interface Upload {
  readonly key?: string
  readonly mayEnd?: readonly string[]
  readonly callback?: boolean
  readonly query?: Readonly<Record<string, string>>
}

async function uploaded(context: Context, kind: string, body: Buffer, upload: Upload = {}): Promise<SentJob> {
  const accepted = await send(context, body, upload)
  return follow(context, kind, accepted, upload)
}

async function send({ client, callbackUrl }: Context, body: Buffer, upload: Upload): Promise<Answer> {
  const { key = randomUUID(), callback = false, query = {} } = upload
  const fields = new URLSearchParams({ ...query, ...(callback && { callback_url: callbackUrl }) })
  const headers = { 'content-type': 'audio/wav', 'idempotency-key': key }
  return expect(await client.call('POST', `/v1/jobs?${fields}`, { body, headers }), ACCEPTED)
}

async function follow(context: Context, kind: string, accepted: Answer, upload: Upload = {}): Promise<SentJob> {
  const { mayEnd = COMPLETED, callback = false } = upload
  const known = accepted.body as unknown as Accepted
  const { job_id: jobId } = known
  const stream = await recordStream(context, known, context.deadline)
  return { kind, jobId, mayEnd, hasCallback: callback, stream }
}

async function cancelled(context: Context): Promise<SentJob> {
  const upload = { query: { not_before: new Date(Date.now() + HOLD_MS).toISOString() }, mayEnd: ['cancelled'] }
  const accepted = await send(context, SPOKEN, upload)
  const following = follow(context, 'cancelled', accepted, upload)
  // 409: it was cancelled by the request before, whose answer never came, or it was not held for long enough.
  const { status } = await context.client.call('POST', `/v1/jobs/${accepted.body.job_id}/cancel`)
  const sent = await following
  return status === 409 ? { ...sent, mayEnd: ['cancelled', 'completed'] } : sent
}

async function compared(context: Context): Promise<SentJob> {
  const form = new FormData()
  const pitchHz = 120 + Math.floor(Math.random() * 10_000) / 100
  form.set('audio', new Blob([toneWav(1, pitchHz)], { type: 'audio/wav' }), 'reference.wav')
  const put = await context.client.call('PUT', '/v1/tokens/greeting', { body: form })
  if (put.status >= 300) throw new Error(`the reference was answered ${put.status} ${JSON.stringify(put.body)}`)
  return uploaded(context, 'compared', SPOKEN, { query: { token_id: 'greeting' } })
}

async function direct(context: Context): Promise<SentJob> {
  const { client } = context
  const announced = { content_type: 'audio/wav', size_bytes: SPOKEN.length, filename: 'direct.wav' }
  const headers = { 'idempotency-key': randomUUID() }
  const offered = expect(await client.call('POST', '/v1/uploads', { body: announced, headers }), 201)
  const {
    job_id,
    urls,
    headers: given,
  } = offered.body as { job_id: string; urls: string[]; headers: Record<string, string> }
  const put = await fetch(urls[0] ?? '', { method: 'PUT', headers: given, body: SPOKEN as never })
  if (!put.ok) throw new Error(`the store answered ${put.status}`)
  const completed = await client.call('POST', `/v1/uploads/${job_id}/complete`)
  return follow(context, 'direct', expect(completed, ACCEPTED))
}

/** A connection that breaks in the middle of an upload. */
function sendHalf({ url, key }: Context, idempotencyKey: string): Promise<void> {
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'audio/wav',
    'content-length': String(SPOKEN.length),
    'idempotency-key': idempotencyKey,
  }
  return new Promise((resolve) => {
    const sending = request(new URL('/v1/jobs', url), { method: 'POST', headers })
    sending.once('error', () => resolve()).once('close', () => resolve())
    sending.write(SPOKEN.subarray(0, SPOKEN.length / 2), () => sending.destroy())
  })
}

function expect(answer: Answer, status: number): Answer {
  if (answer.status === status) return answer
  throw new Error(`answered ${answer.status} ${JSON.stringify(answer.body)}`)
}
