import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createClient } from '../../../src/client/tonewire.ts'
import { TonewireError } from '../../../src/client/wire.ts'
import { loadConfig } from '../../../src/config.ts'
import { hashKey } from '../../../src/domain/api-key.ts'
import { formatCursor } from '../../../src/domain/cursor.ts'
import { AppError } from '../../../src/domain/errors.ts'
import { createUuidV7 } from '../../../src/domain/ids.ts'
import { createApp } from '../../../src/http/app.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { changeTo, newJob } from '../../contracts/job-store-suite.ts'
import { openEvents } from '../../support/events.ts'
import { createFakePorts, type FakePorts } from '../../support/fake-ports.ts'
import { addFollowedJob, moveTo } from '../services/followers.ts'

const [KEY, ADMIN] = ['tw_the-key-of-this-test', 'tw_the-key-of-its-admin']
const COME_BACK = /\n\nretry: \d+\n\n$/

/** The API over ports in memory, with a key of `acme` that can be revoked. */
async function startApi(ports: FakePorts = createFakePorts()) {
  const config = loadConfig({})
  const app = await createApp({
    ports,
    auth: { sessionSecret: 's'.repeat(32), accessTokens: undefined },
    limits: config,
    rules: config,
    streamLimits: { heartbeatMs: 10 },
    logger: createLogger('silent', {}),
    checks: {},
    isStopping: () => false,
    renderMetrics: async () => ({ contentType: 'text/plain', text: '' }),
    metricsToken: undefined,
    onLoopback: true,
  })
  after(() => app.close())
  await ports.keys.create({ owner: 'ops', role: 'admin', name: 'admin', keyHash: hashKey(ADMIN) })
  const { keyId } = await ports.keys.create({ owner: 'acme', role: 'user', name: 'test', keyHash: hashKey(KEY) })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const revoke = async (): Promise<void> => {
    const headers = { authorization: `Bearer ${ADMIN}` }
    const { status } = await fetch(`${url}/v1/admin/keys/${keyId}`, { method: 'DELETE', headers })
    assert.equal(status, 204)
  }
  return { ports, url, revoke, close: () => app.close() }
}

/** A job whose first attempt failed; of the second the log has not heard, and it takes nothing. */
async function addRestarted(ports: FakePorts) {
  const { job, cursor } = await addFollowedJob(ports, 'analysing')
  await moveTo(ports, job, 'failed')
  await ports.jobs.restart(job.jobId, 1)
  ports.progress.publish = async () => {
    throw new AppError('progress-unavailable', 'The log takes nothing')
  }
  return { job, cursor: formatCursor(cursor) }
}

test('a key that is revoked ends its streams, with a time to come back, and is refused then', async () => {
  const { url, revoke } = await startApi()
  const stream = await openEvents(`${url}/v1/events`, KEY)
  await revoke()
  await stream.ended
  assert.match(stream.text(), COME_BACK)
  await assert.rejects(createClient({ url, key: KEY }).follow('all').next(), { status: 401 })
})

test('the typed client whose key is revoked behind the end of an earlier attempt is told so', async () => {
  const { ports, url, revoke } = await startApi()
  const { job, cursor } = await addRestarted(ports)
  const seen: string[] = []
  const following = async (): Promise<void> => {
    for await (const { event } of createClient({ url, key: KEY }).follow(job.jobId, { cursor })) {
      seen.push(event)
      await revoke()
    }
  }
  await assert.rejects(following(), (error) => error instanceof TonewireError && error.status === 401)
  assert.deepEqual(seen, ['failed'])
})

test('a stream that cannot catch up ends with a time to come back, behind the end of an earlier attempt too', async () => {
  const { ports, url } = await startApi()
  const { job, cursor } = await addRestarted(ports)
  const streams = await Promise.all([
    openEvents(`${url}/v1/jobs/${job.jobId}/events`, KEY, { 'last-event-id': cursor }),
    openEvents(`${url}/v1/events`, KEY, { 'last-event-id': cursor }),
  ])
  for (const stream of streams) await stream.waitFor(({ event }) => event === 'failed')
  // One that was away would be asked again for half a minute.
  ports.progress.read = async () => {
    throw new Error('What the log answers makes no sense')
  }
  ports.progress.interrupt()
  for (const stream of streams) {
    await stream.ended
    assert.match(stream.text(), COME_BACK)
  }
})

test('only behind its job’s terminal event a stream ends without a time to come back, also while the log is away', async () => {
  const { ports, url } = await startApi()
  const { job, cursor } = await addFollowedJob(ports, 'analysing')
  const path = `${url}/v1/jobs/${job.jobId}/events`
  const live = await openEvents(path, KEY, { 'last-event-id': formatCursor(cursor) })
  ports.progress.setDown(true)
  const early = await openEvents(path, KEY)
  await early.ended
  ports.progress.setDown(false)
  await moveTo(ports, job, 'completed')
  ports.progress.setDown(true)
  const late = await openEvents(path, KEY)
  for (const stream of [live, late]) {
    await stream.ended
    assert.match(stream.text(), /^retry: \d+\n\n(?!.*retry:).*"status":"completed".*\n\n$/s)
  }
  assert.match(early.text(), COME_BACK)
})

test('a process that stops tells every stream when to come back, each at another time', async () => {
  const { url, close } = await startApi()
  const streams = await Promise.all(Array.from({ length: 20 }, () => openEvents(`${url}/v1/events`, KEY)))
  await Promise.all([close(), ...streams.map(({ ended }) => ended)])
  const lastWords = streams.map((stream) => Number(/\n\nretry: (\d+)\n\n$/.exec(stream.text())?.[1]))
  assert.ok(
    lastWords.every((ms) => ms >= 1_000 && ms <= 3_000),
    String(lastWords),
  )
  assert.ok(new Set(lastWords).size > 10, String(lastWords))
})

test('of several cursors the header counts, then last_event_id, then lastEventId, and an empty one is none', async () => {
  const { ports, url } = await startApi()
  const { job, cursor: first } = await addFollowedJob(ports, 'stored')
  const places: string[] = [formatCursor(first)]
  for (const status of ['queued', 'forwarded', 'analysing'] as const) {
    await moveTo(ports, job, status)
    places.push(formatCursor(await ports.progress.head('acme')))
  }
  const [stored = '', queued = '', forwarded = ''] = places
  const firstOf = async (query: string, header?: string): Promise<unknown> => {
    const headers: Record<string, string> = header === undefined ? {} : { 'last-event-id': header }
    const stream = await openEvents(`${url}/v1/events?${query}`, KEY, headers)
    const { event, data } = await stream.waitFor(() => true)
    stream.close()
    return `${event} ${data.status}`
  }
  const both = `last_event_id=${queued}&lastEventId=${stored}`
  assert.equal(await firstOf(both, forwarded), 'progress analysing')
  assert.equal(await firstOf(both), 'progress forwarded')
  assert.equal(await firstOf(both, ''), 'progress forwarded')
  assert.equal(await firstOf(`last_event_id=&lastEventId=${stored}`), 'progress queued')
  assert.equal(await firstOf('last_event_id=&lastEventId='), 'snapshot analysing')
})

test('whoever follows from the answer to a completion misses no end, also one that comes while it is made', async () => {
  const { ports, url } = await startApi()
  const jobId = createUuidV7(Date.now())
  const announced = { method: 'put', sizeBytes: 100, sha256: null } as const
  await ports.jobs.create(newJob({ jobId, owner: 'acme', announced }))
  const [row] = await ports.jobs.advance([changeTo(jobId, 'analysing')])
  const { head } = ports.progress
  ports.progress.head = async (owner) => {
    ports.progress.head = head
    await moveTo(ports, row!.job!, 'completed')
    return head(owner)
  }
  const headers = { authorization: `Bearer ${KEY}` }
  const answer = await fetch(`${url}/v1/uploads/${jobId}/complete`, { method: 'POST', headers })
  const job = (await answer.json()) as { status: string; event_cursor: string }
  const followed = await fetch(`${url}/v1/jobs/${jobId}/events`, {
    headers: { ...headers, 'last-event-id': job.event_cursor },
  })
  assert.deepEqual([answer.status, job.status, followed.status], [202, 'completed', 204])
})
