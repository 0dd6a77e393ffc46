/** The jobs of one cell: every way into the system, and every way a job ends. */
import { randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { createClient } from './client.ts'
import type { ExpectedLetter } from './letters.ts'
import {
  discarded,
  dropped,
  held,
  type Poison,
  poison,
  poisoned,
  redriven,
  replayed,
  retried,
  SHORT_HOLD_MS,
  stalled,
} from './mishaps.ts'
import { BROKEN, SPOKEN, toneWav } from './recordings.ts'
import {
  ACCEPTED,
  COMPLETED,
  type Context,
  expect,
  follow,
  type LoadOptions,
  offer,
  type SentJob,
  send,
  uploaded,
} from './uploads.ts'

export interface Load {
  /** Every job whose upload was answered 202. */
  readonly jobs: readonly SentJob[]
  /** Which dead letters must have come of it all. */
  readonly letters: readonly ExpectedLetter[]
  /** Where a client was not served, in sentences. */
  readonly faults: readonly string[]
}

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
  quiet: async (context): Promise<SentJob> => {
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
  held: (context) => uploaded(context, 'held', tone, held(SHORT_HOLD_MS)),
  cancelled,
  compared,
  direct,
  ...{ stalled, dropped, retried, redriven, replayed, discarded, poison, poisoned },
} satisfies Record<string, (context: Context) => Promise<SentJob | Poison>>

export type Kind = keyof typeof KINDS
/** The orders of the last could be taken for some that are to be lost. */
const NOT_OF_ALL: readonly Kind[] = ['quiet', 'tone', 'poisoned']
export const ALL_KINDS = (Object.keys(KINDS) as Kind[]).filter((kind) => !NOT_OF_ALL.includes(kind))

/** Sends everything at once, and resolves when every client is done or the deadline has come. Never rejects. */
export async function sendLoad(options: LoadOptions & { readonly kinds: readonly Kind[] }): Promise<Load> {
  const client = createClient(options.url, options.key, options.deadline)
  const context = { ...options, client }
  const outcomes = await Promise.allSettled(options.kinds.map((kind) => KINDS[kind](context)))
  const sent = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  return {
    jobs: sent.filter((each) => 'jobId' in each),
    letters: sent.flatMap(({ letters = [] }) => letters),
    faults: outcomes.flatMap((outcome, index) =>
      outcome.status === 'rejected' ? [`${options.kinds[index]}: ${(outcome.reason as Error).message}`] : [],
    ),
  }
}

async function cancelled(context: Context): Promise<SentJob> {
  const upload = { ...held(HOLD_MS), mayEnd: ['cancelled'] }
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

/** Where the API was away until the upload's deadline had passed, a client begins another; before that it may not expire. */
async function direct(context: Context): Promise<SentJob> {
  const { client, directUploadTimeoutS } = context
  for (;;) {
    const beganAt = performance.now()
    const jobId = await offer(context)
    const completed = await client.call('POST', `/v1/uploads/${jobId}/complete`)
    const isLate = performance.now() - beganAt > directUploadTimeoutS * 1000
    if (completed.body.code === 'upload-expired' && isLate) continue
    return follow(context, 'direct', expect(completed, ACCEPTED))
  }
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
