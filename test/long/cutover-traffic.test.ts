/** Traffic moves from one route to the other while it flows, and back, and nobody who uploads notices. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { isIn } from '../../src/domain/cutover.ts'
import { AUDIENCE, type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { skipWithoutPostgres } from '../support/postgres.ts'
import { toneWav } from '../support/recordings.ts'
import { startRoleProcesses } from '../support/role-processes.ts'
import { uploadRaw } from '../support/system.ts'

const STEPS = [0, 50, 80, 100, 0]
const STEP_S = 12
const PER_S = 20
const OWNERS = 1000
/** Standard deviations that a share may be off by: once in 16,000 where all is right. */
const MOST_SIGMAS = 4
const ALL_DONE_S = 120
const ADMIN_KEY = 'key-of-the-operator'

interface Row {
  readonly owner: string
  readonly route: string
  readonly status: string
  readonly percent: number
  readonly version: number
}

/** Tokens of a thousand learners, made beforehand: signing is not what is looked at. */
async function signInAll(provider: IdentityProvider): Promise<string[]> {
  return Promise.all(Array.from({ length: OWNERS }, (_, n) => provider.token({ sub: `learner-${n}` })))
}

async function setPercent(url: string, percent: number): Promise<void> {
  const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' }
  const { version } = (await (await fetch(`${url}/v1/admin/cutover`, { headers })).json()) as { version: number }
  const body = JSON.stringify({ percent, version, reason: `to ${percent} %` })
  const answer = await fetch(`${url}/v1/admin/cutover`, { method: 'PUT', headers, body })
  assert.equal(answer.status, 200, await answer.text())
}

async function readRows(databaseUrl: string): Promise<Row[]> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  const { rows } = await client.query<Row>(
    `select j.owner, j.route, j.status, c.percent::float8 as percent, c.version
     from jobs j join cutover_versions c on c.version = j.flag_version order by j.job_id`,
  )
  await client.end()
  return rows
}

async function untilAllEnded(databaseUrl: string, jobs: number): Promise<Row[]> {
  for (let waited = 0; ; waited += 1) {
    const rows = await readRows(databaseUrl)
    if (rows.length === jobs && rows.every(({ status }) => ['completed', 'failed'].includes(status))) return rows
    assert.ok(waited < ALL_DONE_S, `${rows.filter(({ status }) => status !== 'completed').length} jobs never ended`)
    await delay(1000)
  }
}

describe('a cutover under traffic', { skip: skipWithoutPostgres }, () => {
  test('0 → 50 → 80 → 100 → 0 in a minute under 20 uploads/s of 1,000 owners: no request fails, every job ends on its route, nobody flips on the way up', {
    timeout: 600_000,
  }, async () => {
    const provider = await startIdentityProvider()
    const tokens = await signInAll(provider)
    const keys = { BOOTSTRAP_API_KEYS: `ops=${ADMIN_KEY}:admin` }
    const env = { ...keys, JWT_ISSUER: provider.issuer, JWT_AUDIENCE: AUDIENCE, USE_QUEUE_SYSTEM: 'false' }
    const system = await startRoleProcesses({ apis: 2, direct: true, env })
    const recording = toneWav({ seconds: 0.4 })
    const answers: Promise<number>[] = []
    const upload = async (n: number): Promise<number> => {
      const key = tokens[Math.floor(Math.random() * OWNERS)] ?? ''
      const answer = await uploadRaw(system.urls[n % 2] ?? '', recording, { key })
      await answer.body?.cancel()
      return answer.status
    }
    for (const percent of STEPS) {
      await setPercent(system.urls[0] ?? '', percent)
      const beganAt = performance.now()
      for (let n = 0; n < STEP_S * PER_S; n += 1) {
        await delay(Math.max(0, beganAt + (1000 * n) / PER_S - performance.now()))
        answers.push(upload(n))
      }
    }
    const statuses = await Promise.all(answers)
    assert.deepEqual(new Set(statuses), new Set([202]))
    const rows = await untilAllEnded(system.databaseUrl, statuses.length)
    assert.deepEqual([...new Set(rows.map(({ status }) => status))], ['completed'])
    for (const { owner, route, percent } of rows) {
      assert.equal(route, isIn(owner, percent) ? 'queue' : 'direct', `${owner} at ${percent} %`)
    }
    assertShares(rows)
    assertNobodyFlips(rows.filter(({ version }) => version < STEPS.length))
  })
})

/** The share of distinct owners on the queue, at each step, against the step's percentage. */
function assertShares(rows: readonly Row[]): void {
  for (const version of new Set(rows.map((row) => row.version))) {
    const ofVersion = rows.filter((row) => row.version === version)
    const owners = new Map(ofVersion.map(({ owner, route }) => [owner, route]))
    const p = (ofVersion[0]?.percent ?? 0) / 100
    const share = [...owners.values()].filter((route) => route === 'queue').length / owners.size
    const sigma = Math.sqrt((p * (1 - p)) / owners.size)
    assert.ok(Math.abs(share - p) <= MOST_SIGMAS * sigma, `${share} of ${owners.size} owners at ${100 * p} %`)
  }
}

/** Rows of the steps upward, in the order they were made: whoever took the queue once takes it ever after. */
function assertNobodyFlips(rows: readonly Row[]): void {
  const arrived = new Map<string, number>()
  for (const { owner, route, version } of rows) {
    if (route === 'queue') arrived.set(owner, Math.min(version, arrived.get(owner) ?? version))
  }
  const back = rows.filter(
    ({ owner, route, version }) => route === 'direct' && version > (arrived.get(owner) ?? version),
  )
  assert.deepEqual(back, [])
}
