/** What goes wrong without any kill: it is brought about through the queues, and mended through the API. */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { recordingPrefix } from '../../src/domain/object-keys.ts'
import type { MessageQueue } from '../../src/ports.ts'
import { type Answer, createClient } from './client.ts'
import type { ExpectedLetter } from './letters.ts'
import { SPOKEN } from './recordings.ts'
import { type Accepted, type Recorded, recordStream } from './stream.ts'
import { type Context, expect, follow, offer, type SentJob, send, uploaded } from './uploads.ts'

/** Messages that no consumer can bring to an end. */
export interface Poison {
  readonly kind: string
  readonly letters: readonly ExpectedLetter[]
}

/** A job waits for this long before it is forwarded: time for its attempt to end otherwise. */
const HOLD_MS = 6000
export const SHORT_HOLD_MS = 1500
const POLL_MS = 150

/** The recording arrives, its client is never heard of again: the reconciler ends the upload and deletes the object. */
export async function stalled(context: Context): Promise<SentJob> {
  const jobId = await offer(context)
  return follow(context, 'stalled', await look(context, jobId), { mayEnd: ['failed'] })
}

/** Redis forgets the job while it waits: the reconciler adds it again. */
export async function dropped(context: Context): Promise<SentJob> {
  const accepted = await send(context, SPOKEN, held(SHORT_HOLD_MS))
  await context.queues.jobQueue.remove(`${accepted.body.job_id}`, 1)
  return follow(context, 'dropped', accepted)
}

/** An answer among the dead letters is applied once more; its owner asks for the next attempt. */
export async function retried(context: Context): Promise<SentJob> {
  const { queues, client } = context
  const accepted = await send(context, SPOKEN, held(HOLD_MS))
  const { job_id } = accepted.body
  const answer = { version: 1, job_id, attempt: 1 }
  const error = { code: 'busy', retryable: true }
  await put(queues.resultDeadQueue, JSON.stringify({ ...answer, type: 'failed', error }))
  const sent = await follow(context, 'retried', accepted)
  if (endOf(sent) !== 'failed') return sent
  // Of an attempt that is over, and no answer at all: nobody waits for it, and no letter is kept.
  await put(queues.resultDeadQueue, JSON.stringify({ ...answer, type: 'completed' }))
  // 409: a request before, whose answer never came, has done it.
  const { status } = await client.call('POST', `/v1/jobs/${job_id}/retry`)
  if (status >= 300 && status !== 409) throw new Error(`a retry was answered ${status}`)
  return followOn(context, sent)
}

/** An order that was handed out too often ends its job; an operator redrives the letter. */
export async function redriven(context: Context): Promise<SentJob> {
  const { queues } = context
  const accepted = await send(context, SPOKEN, held(HOLD_MS))
  const { job_id, owner } = accepted.body
  const urls = { s3_textgrid_url: null, s3_pitch_url: null, callback_url: null }
  const s3_audio_url = queues.objects.urlOf(`${recordingPrefix(`${owner}`)}drill.wav`)
  const body = JSON.stringify({ version: 1, job_id, attempt: 1, owner, token_id: null, s3_audio_url, ...urls })
  await put(queues.analysisDeadQueue, body)
  const sent = await follow(context, 'redriven', accepted)
  const letter = { source: 'analysis', code: 'analysis-abandoned', body, touchesJob: true }
  // It was not held for long enough: nothing is left to decide. The letter may have been kept before, and its end not.
  if (endOf(sent) !== 'failed') return { ...sent, letters: [{ ...letter, states: ['discarded', 'open'] }] }
  await operate(context, 'redrive', { filter: { job_id } })
  return { ...(await followOn(context, sent)), letters: [{ ...letter, states: ['redriven'] }] }
}

/** A callback that was delivered is asked for once more. */
export async function replayed(context: Context): Promise<SentJob> {
  const sent = await uploaded(context, 'replayed', SPOKEN, { callback: true })
  const path = `/v1/jobs/${sent.jobId}/deliveries`
  const [delivery] = await until(context, async () => {
    const { body } = expect(await context.client.call('GET', path), 200)
    return (body.items as { delivery_id: string; status: string }[]).filter(({ status }) => status === 'delivered')
  })
  expect(await context.client.call('POST', `${path}/${delivery?.delivery_id}/replay`), 202)
  return { ...sent, leastCallbacks: 2 }
}

/** A letter that an operator gives up. */
export async function discarded(context: Context): Promise<Poison> {
  const body = `discarded ${randomUUID()}`
  await put(context.queues.analysisDeadQueue, body)
  const operator = operatorOf(context)
  const [letter] = await until(context, async () => {
    const listed = expect(await operator.call('GET', '/v1/admin/dead-letters?source=analysis'), 200)
    const items = listed.body.items as { letter_id: string; excerpt: string }[]
    return items.filter(({ excerpt }) => excerpt === body)
  })
  await operate(context, 'discard', { filter: { letter_id: letter?.letter_id }, reason: 'a drill' })
  return { kind: 'discarded', letters: [{ ...NOT_JSON, states: ['discarded'], body }] }
}

const NOT_JSON = { source: 'analysis', code: 'message-invalid', touchesJob: false } as const

/** Straight into both dead-letter queues, where nothing but their collector can lose it. */
export const poison = ({ queues }: Context): Promise<Poison> =>
  sendPoison(queues.analysisDeadQueue, queues.resultDeadQueue)

/** By way of both queues and as many receives as they allow. */
export const poisoned = ({ queues }: Context): Promise<Poison> => sendPoison(queues.analysisQueue, queues.resultQueue)

async function sendPoison(orders: MessageQueue, answers: MessageQueue): Promise<Poison> {
  const unknown = { job_id: randomUUID(), attempt: 1 }
  const notJson = `poison ${randomUUID()}`
  const ofAnotherVersion = JSON.stringify({ version: 9, ...unknown })
  const ofNobody = JSON.stringify({ version: 1, ...unknown, type: 'failed', error: { code: 'busy' } })
  await Promise.all([put(orders, notJson), put(orders, ofAnotherVersion), put(answers, ofNobody)])
  const letters = [
    { ...NOT_JSON, body: notJson },
    { ...NOT_JSON, body: ofAnotherVersion },
    { source: 'results', code: 'job-not-found', touchesJob: false, body: ofNobody },
  ]
  return { kind: 'poison', letters: letters.map((letter) => ({ ...letter, states: ['open'] })) }
}

/** An upload whose job may not begin before so long. */
export const held = (ms: number) => ({ query: { not_before: new Date(Date.now() + ms).toISOString() } })

async function put(queue: MessageQueue, body: string): Promise<void> {
  const [failure] = await queue.send([{ body, groupId: 'drill' }])
  if (failure !== undefined) throw failure
}

async function look({ client }: Context, jobId: string): Promise<Answer> {
  return expect(await client.call('GET', `/v1/jobs/${jobId}`), 200)
}

const endOf = ({ stream }: SentJob): string | undefined => stream?.events.at(-1)?.status

/** The next attempt, to its end. */
async function followOn(context: Context, sent: SentJob): Promise<SentJob> {
  const known = (await look(context, sent.jobId)).body as unknown as Accepted
  const { events, over } = await recordStream(context, known, context.deadline)
  const stream: Recorded = { events: [...(sent.stream?.events ?? []), ...events], over }
  return { ...sent, stream }
}

const operatorOf = ({ url, adminKey, deadline }: Context) => createClient(url, adminKey, deadline)

async function operate(context: Context, what: string, order: object): Promise<void> {
  expect(await operatorOf(context).call('POST', `/v1/admin/dead-letters/${what}`, { body: order }), 200)
}

/** Asks until there is something; throws when time is over. */
async function until<T>({ deadline }: Context, ask: () => Promise<readonly T[]>): Promise<readonly T[]> {
  for (;;) {
    const found = await ask()
    if (found.length > 0) return found
    await delay(POLL_MS, undefined, { signal: deadline })
  }
}
