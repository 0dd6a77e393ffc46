import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import pg from 'pg'
import { findFreePort } from '../../src/embedded/free-port.ts'
import { skipWithoutPostgres } from '../support/postgres.ts'
import { ROOT, startProcess, waitForReady } from '../support/processes.ts'
import { toneWav } from '../support/recordings.ts'
import { type RoleProcesses, startRoleProcesses } from '../support/role-processes.ts'
import { TEST_KEY, uploadRaw } from '../support/system.ts'

const ADMIN_KEY = 'test-key-of-ops'
const WAV = toneWav({ seconds: 0.05 })
/** Nobody listens there: of these jobs only the rows are looked at. */
const DIRECT_ROUTE = {
  ANALYSIS_SERVER_URL: 'http://127.0.0.1:9/analyse',
  WEBHOOK_URL: 'http://127.0.0.1:9',
  WEBHOOK_SECRET: 'a secret of this test',
}

interface Decided {
  readonly jobId: string
  readonly route: string
  readonly route_reason: string
  readonly flag_version: number | null
}

describe('three processes', { skip: skipWithoutPostgres }, async () => {
  const system: RoleProcesses =
    skipWithoutPostgres === false
      ? await startRoleProcesses({
          apis: 3,
          workers: [],
          env: { ...DIRECT_ROUTE, BOOTSTRAP_API_KEYS: `acme=${TEST_KEY},ops=${ADMIN_KEY}:admin` },
        })
      : (undefined as never)
  const { urls, databaseUrl, redis } = system ?? {}

  async function rowOf(jobId: string): Promise<Decided> {
    const client = new pg.Client(databaseUrl)
    await client.connect()
    const { rows } = await client.query('select route, route_reason, flag_version from jobs where job_id = $1', [jobId])
    await client.end()
    return { jobId, ...rows[0] }
  }

  async function upload(url: string): Promise<Decided> {
    const response = await uploadRaw(url, WAV)
    assert.equal(response.status, 202)
    return rowOf(((await response.json()) as { job_id: string }).job_id)
  }

  async function put(url: string, percent: number): Promise<number> {
    const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' }
    const read = (await (await fetch(`${url}/v1/admin/cutover`, { headers })).json()) as { version: number }
    const body = JSON.stringify({ percent, reason: `to ${percent}`, version: read.version })
    const response = await fetch(`${url}/v1/admin/cutover`, { method: 'PUT', headers, body })
    assert.equal(response.status, 200)
    return ((await response.json()) as { version: number }).version
  }

  /** Uploads to each of the others until its rows have this version; answers with the longest time that took. */
  async function spread(version: number): Promise<number> {
    const begun = performance.now()
    const until = async (url: string): Promise<number> => {
      for (;;) {
        const asked = performance.now()
        if ((await upload(url)).flag_version === version) return asked - begun
      }
    }
    return Math.max(...(await Promise.all(urls.slice(1).map(until))))
  }

  test('a change that one of them takes reaches the others within a second', async (t) => {
    const first = await upload(urls[1] ?? '')
    assert.deepEqual([first.route, first.route_reason, first.flag_version], ['queue', 'default', null])
    const times: number[] = []
    for (const percent of [0, 50, 100, 0]) {
      const version = await put(urls[0] ?? '', percent)
      assert.equal((await upload(urls[0] ?? '')).flag_version, version, 'the one that took it goes by it at once')
      times.push(await spread(version))
    }
    t.diagnostic(`known everywhere after ${times.map(Math.round).join(', ')} ms`)
    assert.ok(Math.max(...times) < 1000, `${times}`)
    assert.deepEqual(await rowOf(first.jobId), first, 'a row keeps its route')
    assert.equal((await upload(urls[2] ?? '')).route, 'direct')
  })

  test('npm run cutover in the stores is heard by all of them, and says what it changed', async () => {
    const set = (percent: string, reason: string, more: Record<string, string> = {}) =>
      startProcess(['scripts/cutover.ts', 'set', percent, '--reason', reason], { ...system.env, ...more })
    const done = set('100', 'by hand')
    assert.equal((await done.ended).code, 0, done.output())
    const [, version = ''] = /→ 100 % \(version \d+ → (\d+)\)/.exec(done.output()) ?? []
    assert.ok((await spread(Number(version))) < 1000)
    const inVain = set('50', 'in vain', { USE_QUEUE_SYSTEM_FORCE: 'false' })
    assert.equal((await inVain.ended).code, 0, inVain.output())
    assert.match(inVain.output(), /USE_QUEUE_SYSTEM_FORCE is set, to 0 %: .* no effect/)
  })

  test('with Redis killed a change reaches the others within 5 s', async (t) => {
    await redis.kill()
    const elapsed = await spread(await put(urls[0] ?? '', 12.5))
    t.diagnostic(`known everywhere after ${Math.round(elapsed)} ms`)
    assert.ok(elapsed < 5000, `${elapsed} ms`)
    await redis.start()
  })

  test('what the environment forces, and a company’s own provider, decide in a process of their own', async () => {
    const provider = `${ROOT}test/support/flag-providers/in-memory.ts`
    const routed = async (more: Record<string, string>): Promise<Decided> => {
      const port = await findFreePort()
      startProcess(['src/server.ts', 'api'], { ...system.env, ...more, PORT: String(port) })
      await waitForReady(`http://127.0.0.1:${port}/readyz`, 120_000)
      return upload(`http://127.0.0.1:${port}`)
    }
    const wrong = startProcess(['src/server.ts', 'api'], { ...system.env, PORT: '0', FLAG_PROVIDER: './nowhere.ts' })
    const rows = await Promise.all([routed({ USE_QUEUE_SYSTEM_FORCE: 'true' }), routed({ FLAG_PROVIDER: provider })])
    assert.deepEqual(
      rows.map(({ route, route_reason, flag_version }) => [route, route_reason, flag_version]),
      [
        ['queue', 'forced', null],
        ['direct', 'provider', null],
      ],
    )
    assert.equal((await wrong.ended).code, 1, 'a module that is none stops the start')
    assert.match(wrong.output(), /FLAG_PROVIDER: the module .\/nowhere.ts cannot be loaded/)
  })
})
