/** Event streams as browsers and curl read them: their own EventSource, over servers that die, end and are full. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, test } from 'node:test'
import type { Page } from 'playwright-core'
import { findFreePort } from '../../src/embedded/free-port.ts'
import { NO_BROWSER, openBrowser } from '../support/browser.ts'
import { uploadTone } from '../support/outages.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { startProcess, type TestProcess, waitForReady } from '../support/processes.ts'
import { openTestPlaces, startTestSystem, TEST_KEY } from '../support/system.ts'

const skip = NO_BROWSER || skipWithoutPostgres

interface Seen {
  readonly type: string
  readonly id: string
  readonly job: string
  readonly status: string
}

/** An API of its own process, that can die and come back at the same address. */
async function createApi(env: Readonly<Record<string, string>>) {
  const port = await findFreePort()
  const url = `http://127.0.0.1:${port}`
  let running: TestProcess | undefined
  const start = async (more: Readonly<Record<string, string>> = {}): Promise<void> => {
    running = startProcess(['src/server.ts', 'api'], { ...env, ...more, PORT: String(port) })
    await waitForReady(`${url}/readyz`, 60_000)
  }
  return { url, start, kill: async () => void (await running?.kill()) }
}

/** A page with a session, whose streams keep what they were told in `window.seen`. */
async function openPage(url: string): Promise<Page> {
  const browser = await openBrowser()
  const page = await browser.newPage()
  await page.goto(`${url}/docs`)
  await page.evaluate(async (key) => {
    const headers = { authorization: `Bearer ${key}` }
    const { status } = await fetch('/v1/session', { method: 'POST', headers })
    if (status >= 300) throw new Error(`no session: ${status}`)
  }, TEST_KEY)
  return page
}

/** Opens the page's own EventSource under a name. */
function listen(page: Page, name: string, path: string): Promise<void> {
  return page.evaluate(
    ([as, where]) => {
      const page = globalThis as { sources?: Record<string, unknown> }
      page.sources ??= {}
      const source = new EventSource(where)
      const seen: Seen[] = []
      const kept = { source, seen, errors: 0 }
      page.sources[as] = kept
      source.addEventListener('error', () => (kept.errors += 1))
      for (const type of ['snapshot', 'progress', 'completed', 'failed', 'cancelled', 'gap']) {
        source.addEventListener(type, (event) => {
          const { data, lastEventId: id } = event as MessageEvent
          const { job_id: job, status } = JSON.parse(data)
          seen.push({ type, id, job, status })
        })
      }
    },
    [name, path] as const,
  )
}

interface Heard {
  readonly seen: readonly Seen[]
  readonly readyState: number
  /** Connections that ended. */
  readonly errors: number
}

function heardBy(page: Page, name: string): Promise<Heard> {
  return page.evaluate((as) => {
    const { source, seen, errors } = (
      globalThis as unknown as { sources: Record<string, { source: EventSource; seen: Seen[]; errors: number }> }
    ).sources[as]!
    return { seen, readyState: source.readyState, errors }
  }, name)
}

function leave(page: Page, name: string): Promise<void> {
  return page.evaluate((as) => {
    const { sources } = globalThis as unknown as { sources: Record<string, { source: EventSource }> }
    sources[as]?.source.close()
  }, name)
}

const isEndOf =
  (accepted: Record<string, unknown>) =>
  ({ job, type }: Seen): boolean =>
    job === accepted.job_id && type === 'completed'

async function until(page: Page, name: string, holds: (heard: Heard) => boolean): Promise<Heard> {
  for (;;) {
    const heard = await heardBy(page, name)
    if (holds(heard)) return heard
    await page.waitForTimeout(50)
  }
}

test('EventSource goes on when its server died, stops when its job has ended, and comes back to one that was full', {
  skip,
  timeout: 240_000,
}, async () => {
  const { places, env, aws } = await openTestPlaces()
  const { url: databaseUrl } = await createTestDatabase()
  const shared = { ...places, database: { url: databaseUrl } }
  const stores = { ...aws.env, S3_BUCKET: aws.bucket, DATABASE_URL: databaseUrl, REDIS_URL: places.redisUrl }
  const keys = { BOOTSTRAP_API_KEYS: `acme=${TEST_KEY}`, SESSION_SECRET: 's'.repeat(32), LOG_LEVEL: 'warn' }
  const workers = await startTestSystem(['api', 'forward', 'analyse', 'record', 'reconcile'], shared, env)
  const api = await createApi({ ...env, ...stores, ...keys })
  await api.start()
  const page = await openPage(api.url)
  await listen(page, 'all', '/v1/events')
  await until(page, 'all', ({ readyState }) => readyState === 1)
  const first = await uploadTone(api)
  await until(page, 'all', ({ seen }) => seen.some(isEndOf(first)))

  await api.kill()
  const second = await uploadTone(workers)
  await api.start()
  const { seen } = await until(page, 'all', (heard) => heard.seen.some(isEndOf(second)))
  assert.equal(new Set(seen.map(({ id }) => id)).size, seen.length)
  const statuses = seen.filter(({ job }) => job === second.job_id).map(({ status }) => status)
  assert.deepEqual([statuses[0], statuses.at(-1)], ['uploading', 'completed'])
  assert.ok(seen.every(({ type }) => type !== 'gap' && type !== 'snapshot'))

  await listen(page, 'one', `/v1/jobs/${second.job_id}/events`)
  const one = await until(page, 'one', ({ readyState }) => readyState === 2)
  assert.deepEqual(
    one.seen.map(({ type, status }) => [type, status]),
    [['snapshot', 'completed']],
  )

  await api.kill()
  await api.start({ MAX_STREAMS: '1' })
  await until(page, 'all', ({ readyState }) => readyState === 1)
  await listen(page, 'late', '/v1/events')
  // It begins at 0 as well: only an end tells that the server was asked, and had no room.
  await until(page, 'late', ({ readyState, errors }) => readyState === 0 && errors > 0)
  await leave(page, 'all')
  await until(page, 'late', ({ readyState }) => readyState === 1)
  const third = await uploadTone(api)
  await until(page, 'late', ({ seen: late }) => late.some(({ job }) => job === third.job_id))
})

test('curl -N reads the stream of a job to its end', { skip: skipWithoutPostgres }, async () => {
  const { places, env } = await openTestPlaces()
  const system = await startTestSystem(['api', 'forward', 'analyse', 'record', 'reconcile'], places, env)
  const { job_id: jobId, event_cursor: cursor } = await uploadTone(system)
  const headers = ['-H', `authorization: Bearer ${TEST_KEY}`, '-H', `last-event-id: ${cursor}`]
  const curl = spawn('curl', ['-sN', ...headers, `${system.url}/v1/jobs/${jobId}/events`])
  after(() => curl.kill())
  const text = (await curl.stdout.setEncoding('utf8').toArray()).join('')
  if (curl.exitCode === null) await once(curl, 'exit')
  assert.equal(curl.exitCode, 0)
  assert.match(text, /^retry: \d+\n\n/)
  assert.match(text, /event: completed\nid: \S+\ndata: \{.*"status":"completed".*\}\n\n$/)
})
