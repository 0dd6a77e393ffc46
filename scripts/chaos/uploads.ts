/** What every client of the drill does: sends a recording, and follows what becomes of it. */
import { randomUUID } from 'node:crypto'
import type { Ports } from '../../src/ports.ts'
import type { Answer, Client } from './client.ts'
import type { ExpectedLetter } from './letters.ts'
import { SPOKEN } from './recordings.ts'
import { type Accepted, type Recorded, recordStream } from './stream.ts'

/** A job that was accepted, and what is expected of it. */
export interface SentJob {
  readonly kind: string
  readonly jobId: string
  /** What the row may end as. */
  readonly mayEnd: readonly string[]
  readonly hasCallback: boolean
  /** How often it must have come at least; once unless said. */
  readonly leastCallbacks?: number
  /** Undefined of a client that follows nothing. */
  readonly stream?: Recorded
  /** Which dead letters must have come of it; none unless said. */
  readonly letters?: readonly ExpectedLetter[]
}

/** What a client is given. */
export interface LoadOptions {
  readonly url: string
  readonly key: string
  /** Of an operator. */
  readonly adminKey: string
  /** The queues, for what nobody does through the API. */
  readonly queues: Pick<
    Ports,
    'jobQueue' | 'analysisQueue' | 'resultQueue' | 'analysisDeadQueue' | 'resultDeadQueue' | 'objects'
  >
  readonly callbackUrl: string
  /** What the API gives an upload straight to the store; counted from before it is offered. */
  readonly directUploadTimeoutS: number
  readonly deadline: AbortSignal
}

export interface Context extends LoadOptions {
  readonly client: Client
}

export const COMPLETED = ['completed']
export const ACCEPTED = 202

export interface Upload {
  /** For `Idempotency-Key`; default one of its own. */
  readonly key?: string
  readonly mayEnd?: readonly string[]
  readonly callback?: boolean
  readonly query?: Readonly<Record<string, string>>
}

/** Uploads, and follows to the end. Throws when it is not accepted before the deadline. */
export async function uploaded(context: Context, kind: string, body: Buffer, upload: Upload = {}): Promise<SentJob> {
  const accepted = await send(context, body, upload)
  return follow(context, kind, accepted, upload)
}

/** The answer to an upload, which is 202; throws for any other. */
export async function send({ client, callbackUrl }: Context, body: Buffer, upload: Upload): Promise<Answer> {
  const { key = randomUUID(), callback = false, query = {} } = upload
  const fields = new URLSearchParams({ ...query, ...(callback && { callback_url: callbackUrl }) })
  const headers = { 'content-type': 'audio/wav', 'idempotency-key': key }
  return expect(await client.call('POST', `/v1/jobs?${fields}`, { body, headers }), ACCEPTED)
}

/** Resolves after the job's terminal event, or at the deadline with what there is. */
export async function follow(context: Context, kind: string, accepted: Answer, upload: Upload = {}): Promise<SentJob> {
  const { mayEnd = COMPLETED, callback = false } = upload
  const known = accepted.body as unknown as Accepted
  const { job_id: jobId } = known
  const stream = await recordStream(context, known, context.deadline)
  return { kind, jobId, mayEnd, hasCallback: callback, stream }
}

/** An upload straight to the store, whose end is still to be told to the API. Resolves to its job's id. */
export async function offer({ client }: Context): Promise<string> {
  const announced = { content_type: 'audio/wav', size_bytes: SPOKEN.length, filename: 'direct.wav' }
  const headers = { 'idempotency-key': randomUUID() }
  const offered = expect(await client.call('POST', '/v1/uploads', { body: announced, headers }), 201)
  const { job_id, urls, headers: given } = offered.body as unknown as Offered
  const put = await fetch(urls[0] ?? '', { method: 'PUT', headers: given, body: SPOKEN as never })
  if (!put.ok) throw new Error(`the store answered ${put.status}`)
  return job_id
}

interface Offered {
  readonly job_id: string
  readonly urls: readonly string[]
  readonly headers: Readonly<Record<string, string>>
}

/** Throws with what was answered when it is anything else. */
export function expect(answer: Answer, status: number): Answer {
  if (answer.status === status) return answer
  throw new Error(`answered ${answer.status} ${JSON.stringify(answer.body)}`)
}
