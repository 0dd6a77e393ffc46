import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import type { CallbackAnswer } from '../../../src/ports/deliveries.ts'
import { deliverCallback, deliverCallbacks, toOutcome } from '../../../src/services/deliver-callbacks.ts'
import { createArrivals } from '../../contracts/arrivals.ts'
import { addJob, createFakePorts } from '../../support/fake-ports.ts'

const never = new AbortController().signal
const callbackUrl = 'https://client.example/hook'
const answered = (status: number, retryAfterS: number | null = null): CallbackAnswer => {
  return { kind: 'answered', status, retryAfterS }
}

/** Ports with a clock that tests set, and a job that has ended. */
async function prepare() {
  let nowMs = Date.UTC(2026, 10, 21)
  const ports = createFakePorts({ now: () => nowMs })
  const job = await addJob(ports, 'completed', { callbackUrl })
  const row = async () => (await ports.deliveries.list(job.owner, job.jobId))[0]!
  const pass = (seconds: number) => {
    nowMs += seconds * 1000
  }
  const deliver = async (signal = never) => {
    const claimed = await ports.deliveries.claim({ limit: 10, perOwner: 10, leaseS: 60 })
    await Promise.all(claimed.map((delivery) => deliverCallback(ports, delivery, signal)))
    return claimed.length
  }
  return { ports, job, row, pass, deliver, now: () => nowMs }
}

test('a client is told once, with the job, signed with every secret that counts', async () => {
  const { ports, job, row, deliver } = await prepare()
  const [old] = await ports.ownerSecrets.find(job.owner)
  const fresh = await ports.ownerSecrets.rotate(job.owner)
  assert.deepEqual([await deliver(), await deliver()], [1, 0])
  const [{ url, headers, body }, ...more] = ports.callbackSender.sent as [(typeof ports.callbackSender.sent)[0]]
  assert.deepEqual([url, more], [callbackUrl, []])
  const [, t, ...values] = /^t=(\d+),v1=([0-9a-f]{64}),v1=([0-9a-f]{64})$/.exec(headers['x-signature'] ?? '') ?? []
  const sign = (secret: string) => createHmac('sha256', secret).update(`${t}.${body}`).digest('hex')
  assert.deepEqual(values, [sign(fresh), sign(old!)])
  const { deliveryId, status } = await row()
  assert.equal(status, 'delivered')
  assert.equal(headers['x-tonewire-delivery'], deliveryId)
  assert.equal(headers['user-agent'], 'tonewire')
  const told = JSON.parse(body)
  assert.deepEqual([told.event, told.job_id, told.attempt, told.progress], ['completed', job.jobId, 1, 100])
  assert.equal(ports.metrics.counted('callbacks', { outcome: 'delivered' }), 1)
})

test('what may pass is tried again under the same id, for a day', async () => {
  const { ports, row, pass, deliver } = await prepare()
  let tries = 0
  for (let elapsedS = 0; (await row()).status === 'pending' && elapsedS < 3 * 86_400; elapsedS += 600) {
    ports.callbackSender.answers.splice(0, 1, { kind: 'failed', sentence: 'The connection was refused.' })
    tries += await deliver()
    pass(600)
  }
  const { status, lastError } = await row()
  assert.deepEqual([status, lastError], ['given_up', 'The connection was refused.'])
  assert.ok(tries >= 12 && tries <= 40, `${tries} tries`)
  assert.equal(new Set(ports.callbackSender.sent.map(({ headers }) => headers['x-tonewire-delivery'])).size, 1)
})

test('a kill between send and record sends again, under the same id', async () => {
  const { ports, row, pass, deliver } = await prepare()
  const { send } = ports.callbackSender
  const killed = new AbortController()
  ports.callbackSender.send = async (...args) => {
    const answer = await send(...args)
    ports.deliveries.setDown(true)
    killed.abort()
    return answer
  }
  await assert.rejects(deliver(killed.signal), { code: 'database-unavailable' })
  ports.deliveries.setDown(false)
  ports.callbackSender.send = send
  assert.equal(await deliver(), 0)
  pass(61)
  assert.equal(await deliver(), 1)
  const [first, second] = ports.callbackSender.sent.map(({ headers }) => headers['x-tonewire-delivery'])
  assert.equal(first, second)
  assert.equal((await row()).status, 'delivered')
})

test('a job that was tried again meanwhile is told of as it was', async () => {
  const { ports, deliver } = await prepare()
  const job = await addJob(ports, 'failed', { callbackUrl: `${callbackUrl}/failed` })
  await ports.jobs.restart(job.jobId, 1)
  await deliver()
  const sent = ports.callbackSender.sent.find(({ url }) => url.endsWith('/failed'))
  const told = JSON.parse(sent?.body ?? '')
  assert.deepEqual([told.status, told.attempt, told.error.code], ['failed', 1, 'analysis-failed'])
})

test('each answer has its outcome', () => {
  for (const status of [200, 201, 204, 299]) {
    assert.deepEqual(toOutcome(answered(status), 1, 0), { kind: 'delivered', lastStatus: status })
  }
  for (const status of [300, 301, 302, 307, 308, 400, 401, 403, 404, 410, 422]) {
    assert.equal(toOutcome(answered(status), 1, 0).kind, 'given_up', `${status}`)
  }
  for (const status of [408, 425, 429, 500, 502, 503, 504]) {
    assert.equal(toOutcome(answered(status), 1, 0).kind, 'retry', `${status}`)
  }
  const refused = toOutcome({ kind: 'refused', sentence: 'No.' }, 1, 0)
  assert.deepEqual(refused, { kind: 'given_up', lastStatus: null, lastError: 'No.' })
  assert.match((toOutcome(answered(302), 1, 0) as { lastError: string }).lastError, /not followed/)
})

test('Retry-After is honoured up to an hour, and never shortens the backoff', () => {
  const waitS = (retryAfterS: number | null, tries = 1) =>
    (toOutcome(answered(429, retryAfterS), tries, 0.5) as { inS: number }).inS
  assert.equal(waitS(120), 120)
  assert.equal(waitS(86_400), 3600)
  assert.equal(waitS(0), waitS(null))
  assert.ok(waitS(1, 12) > 3600)
})

test('an endpoint that hangs does not hold up another owner’s', async () => {
  const ports = createFakePorts()
  for (let i = 0; i < 8; i += 1) await addJob(ports, 'completed', { owner: 'slow', callbackUrl })
  await addJob(ports, 'completed', { owner: 'quick', callbackUrl: `${callbackUrl}/quick` })
  const [sent, stop, release] = [createArrivals<string>(), new AbortController(), new AbortController()]
  ports.callbackSender.send = async (url, _request, signal) => {
    sent.add(url)
    if (url.endsWith('/quick')) return answered(204)
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }
  const done = deliverCallbacks(ports, { concurrency: 6, perOwner: 4, pollMs: 5 }, stop.signal, release.signal)
  await sent.until((url) => url.endsWith('/quick'))
  assert.equal(sent.items.filter((url) => url === callbackUrl).length, 4)
  stop.abort()
  release.abort()
  await done
})

test('while the database is away the worker waits, and goes on when it is back', async () => {
  const { ports, row } = await prepare()
  const warned = createArrivals<string>()
  const log = { ...ports.log, warn: (_fields: object, sentence: string) => warned.add(sentence) }
  const [told, stop] = [createArrivals<string>(), new AbortController()]
  const { send } = ports.callbackSender
  ports.callbackSender.send = async (...args) => {
    told.add(args[0])
    return send(...args)
  }
  ports.deliveries.setDown(true)
  const done = deliverCallbacks({ ...ports, log }, { pollMs: 5 }, stop.signal, never)
  await warned.until(2)
  ports.deliveries.setDown(false)
  await told.until(1)
  stop.abort()
  await done
  assert.equal((await row()).status, 'delivered')
})

test('what came of a send is recorded when the database is back, and nothing is sent twice', async () => {
  const { ports, row } = await prepare()
  const refused = createArrivals<string>()
  const stop = new AbortController()
  const { send } = ports.callbackSender
  ports.callbackSender.send = async (...args) => {
    ports.deliveries.setDown(true)
    return send(...args)
  }
  const deliveries = { ...ports.deliveries, record: recordAnd(ports, () => refused.add('record')) }
  const done = deliverCallbacks({ ...ports, deliveries }, { pollMs: 5 }, stop.signal, never)
  await refused.until(2)
  ports.deliveries.setDown(false)
  stop.abort()
  await done
  const { status, tries } = await row()
  assert.deepEqual([status, tries, ports.callbackSender.sent.length], ['delivered', 1, 1])
})

test('a stop does not wait for a database that is away: the lease brings the callback back', async () => {
  const { ports, row, pass, deliver } = await prepare()
  const refused = createArrivals<string>()
  const [stop, release] = [new AbortController(), new AbortController()]
  const deliveries = { ...ports.deliveries, record: recordAnd(ports, () => refused.add('record')) }
  const { send } = ports.callbackSender
  ports.callbackSender.send = async (...args) => {
    ports.deliveries.setDown(true)
    ports.callbackSender.send = send
    return send(...args)
  }
  const done = deliverCallbacks({ ...ports, deliveries }, { pollMs: 5 }, stop.signal, release.signal)
  await refused.until(1)
  stop.abort()
  release.abort()
  await done
  ports.deliveries.setDown(false)
  assert.deepEqual([(await row()).status, await deliver()], ['pending', 0])
  pass(61)
  assert.equal(await deliver(), 1)
})

/** The store's own, telling of each refusal. */
function recordAnd({ deliveries }: Awaited<ReturnType<typeof prepare>>['ports'], onRefused: () => void) {
  const record: typeof deliveries.record = (...args) =>
    deliveries.record(...args).catch((error: unknown) => {
      onRefused()
      throw error
    })
  return record
}
