import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../src/domain/errors.ts'
import type { JobStatus } from '../../src/domain/job.ts'
import { answerTo, completed, startDirectSystem, startServer } from '../support/direct-system.ts'
import { openEvents } from '../support/events.ts'
import { toneWav } from '../support/recordings.ts'
import { openTestPlaces, TEST_KEY, uploadRaw } from '../support/system.ts'

const WAV = toneWav({ seconds: 0.2 })
const stores = await openTestPlaces()
/** Looks soon at what nobody moves, so that each job comes to its end while a test waits. */
const SOON = { STALLED_AFTER_S: '0.1', DIRECT_TIMEOUT_S: '0.2' }

type Server = Parameters<typeof startServer>[0]

/** A system on the same stores whose analysis server is the test's; the test stops it at its end. */
async function start(onOrder: Server, more: Record<string, string> = {}) {
  const server = await startServer(onOrder)
  const env = { ...stores.env, ...SOON, ...more }
  const system = await startDirectSystem(stores.places, { env, analysisServerUrl: server.url })
  return { ...system, ...server, url: system.url }
}

async function upload(url: string) {
  const response = await uploadRaw(url, WAV)
  assert.equal(response.status, 202)
  const job = (await response.json()) as Record<string, unknown>
  const stream = await openEvents(`${url}/v1/jobs/${job.job_id}/events`, TEST_KEY, {
    'last-event-id': String(job.event_cursor),
  })
  const until = (wanted: JobStatus) => stream.waitFor(({ data }) => data.status === wanted)
  return { job, until }
}

test('the upload is answered while the analysis server still holds the order', async () => {
  const held = Promise.withResolvers<void>()
  const system = await start((_, response) => void held.promise.then(() => response.writeHead(202).end()), {
    DIRECT_TIMEOUT_S: '120',
  })
  const { job, until } = await upload(system.url)
  assert.equal(job.status, 'stored')
  held.resolve()
  await until('forwarded')
  await system.stop()
})

test('a server that hangs is asked again later, and its job ends when it is back', async () => {
  const system = await start((_, response, count) => {
    if (count > 2) response.writeHead(202).end()
  })
  const { until } = await upload(system.url)
  await until('forwarded')
  assert.ok(system.orders.length >= 3)
  await answerTo(system.orders[0]?.callback_url, completed(system.orders[0]!))
  await until('completed')
  await system.stop()
})

test('a server that cuts every connection leaves the job stored until it is back', async () => {
  let isBack = false
  const system = await start((_, response) => {
    if (isBack) response.writeHead(202).end()
    else response.destroy()
  })
  const { job, until } = await upload(system.url)
  while (system.orders.length < 3) await new Promise(setImmediate)
  assert.equal((await system.ports.jobs.find(String(job.job_id)))?.status, 'stored')
  isBack = true
  await until('forwarded')
  await system.stop()
})

test('500, then 202: the one retry is enough, and the order is the same', async () => {
  const system = await start((_, response, count) => void response.writeHead(count === 1 ? 500 : 202).end())
  const { until } = await upload(system.url)
  await until('forwarded')
  assert.deepEqual(system.orders[1], system.orders[0])
  await system.stop()
})

test('4xx about the recording ends the job for good; 4xx about us does not', async () => {
  const refusing = await start((_, response) => void response.writeHead(422).end())
  const failed = await (await upload(refusing.url)).until('failed')
  assert.deepEqual((failed.data.error as Record<string, unknown>).code, 'analysis-server-refused')
  await refusing.stop()
  const locked = await start((_, response, count) => void response.writeHead(count === 1 ? 401 : 202).end())
  await (await upload(locked.url)).until('forwarded')
  await locked.stop()
})

test('an answer that never comes ends the job, one that comes later is acknowledged, and a retry is a new order', async () => {
  const system = await start((_, response) => void response.writeHead(202).end(), { DIRECT_ANSWER_TIMEOUT_S: '0.5' })
  const { job, until } = await upload(system.url)
  const failed = await until('failed')
  const error = failed.data.error as Record<string, unknown>
  assert.deepEqual([error.code, error.retryable], ['analysis-server-silent', true])
  const [order] = system.orders
  const late = await answerTo(order?.callback_url, completed(order!))
  assert.deepEqual([late.status, late.body], [200, { status: 'failed' }])
  const headers = { authorization: `Bearer ${TEST_KEY}` }
  const retried = await fetch(`${system.url}/v1/jobs/${job.job_id}/retry`, { method: 'POST', headers })
  assert.equal(retried.status, 202)
  // On a busy machine the first attempt's may have been posted twice.
  const ofRetry = () => system.orders.find(({ attempt }) => attempt === 2)
  while (ofRetry() === undefined) await new Promise(setImmediate)
  const again = ofRetry()!
  assert.deepEqual((await answerTo(again.callback_url, completed(again))).body, { status: 'completed' })
  await system.stop()
})

test('while the database is away an answer is sent back with when to come again', async () => {
  const system = await start((_, response) => void response.writeHead(202).end())
  const { until } = await upload(system.url)
  await until('forwarded')
  const [order] = system.orders
  const { jobs } = system.ports
  const { find } = jobs
  Object.assign(jobs, { find: async () => Promise.reject(new AppError('database-unavailable', 'away')) })
  const away = await answerTo(order?.callback_url, completed(order!))
  assert.deepEqual([away.status, away.body.code], [503, 'database-unavailable'])
  assert.ok(Number(away.headers.get('retry-after')) > 0)
  Object.assign(jobs, { find })
  assert.equal((await answerTo(order?.callback_url, completed(order!))).status, 200)
  await system.stop()
})

test('a job with a time of its own is not posted before it', async () => {
  const postedAt: number[] = []
  const system = await start((_, response) => {
    postedAt.push(Date.now())
    response.writeHead(202).end()
  })
  const notBefore = new Date(Date.now() + 1500)
  const response = await uploadRaw(system.url, WAV, { query: `?not_before=${notBefore.toISOString()}` })
  const job = (await response.json()) as Record<string, unknown>
  const stream = await openEvents(`${system.url}/v1/jobs/${job.job_id}/events`, TEST_KEY)
  await stream.waitFor(({ data }) => data.status === 'forwarded')
  assert.ok(postedAt[0]! >= +notBefore, `posted ${+notBefore - postedAt[0]!} ms too early`)
  await system.stop()
})
