/** The guard on a running system, with faults injected where jobs are analysed: real uploads, queues, webhook and database. */
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createRandom } from '../../scripts/bench/random.ts'
import { loadConfig } from '../../src/config.ts'
import type { Route } from '../../src/domain/job.ts'
import { openResources } from '../../src/resources.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { answerTo, completed, SECRET, startServer } from '../support/direct-system.ts'
import { AUDIENCE, startIdentityProvider } from '../support/identity-provider.ts'
import { skipWithoutPostgres } from '../support/postgres.ts'
import { toneWav } from '../support/recordings.ts'
import { type RoleProcesses, startRoleProcesses } from '../support/role-processes.ts'
import { uploadRaw } from '../support/system.ts'

const OWNERS = 400
const PER_S = 20
const HOLD_S = 60
const GUARD = { steps: [10, 50, 80], hold_s: HOLD_S, min_owners: 60 }
const ADMIN_KEY = 'key-of-the-operator'
type Rates = Readonly<Record<Route, number>>

/** Both analysers are the test's: each fails this share of its jobs, and each owner has one. */
async function startWorld(rates: Rates) {
  const random = createRandom(20_261)
  const answerOf = (route: Route, order: Record<string, unknown>) => {
    const { job_id, attempt = 1 } = order
    const error = { code: 'analysis-failed', detail: 'A fault of the test', retryable: true }
    return random.next() < rates[route] ? { version: 1, type: 'failed', job_id, attempt, error } : completed(order)
  }
  const server = await startServer((order, response) => {
    response.writeHead(202).end()
    answerTo(order.callback_url, answerOf('direct', order)).catch((error: unknown) => assert.fail(String(error)))
  })
  const provider = await startIdentityProvider()
  const system = await startRoleProcesses({
    workers: ['forward', 'record', 'reconcile'],
    direct: { url: server.url, secret: SECRET },
    env: {
      BOOTSTRAP_API_KEYS: `ops=${ADMIN_KEY}:admin`,
      JWT_ISSUER: provider.issuer,
      JWT_AUDIENCE: AUDIENCE,
      GUARD_INTERVAL_S: '0.5',
    },
  })
  analyseOrders(system, (order) => answerOf('queue', order))
  const tokens = await Promise.all(Array.from({ length: OWNERS }, (_, n) => provider.token({ sub: `learner-${n}` })))
  return { url: system.urls[0] ?? '', tokens }
}

/** Takes every order of the queue and answers it, for as long as the file's tests run. */
function analyseOrders({ env, databaseUrl, redis }: RoleProcesses, answer: (order: Record<string, unknown>) => object) {
  const places = { database: { url: databaseUrl }, redisUrl: redis.url, awsEndpointUrl: env.AWS_ENDPOINT_URL }
  const { ports, close } = openResources(
    loadConfig({ ...env }),
    { ...places, embeddedAws: true },
    createLogger('silent', {}),
  )
  const stopping = new AbortController()
  const consuming = ports.analysisQueue.consume(
    async ({ body }) => {
      const [fault] = await ports.resultQueue.send([{ body: JSON.stringify(answer(JSON.parse(body))), groupId: 'a' }])
      if (fault !== undefined) throw fault
    },
    { concurrency: 20, signal: stopping.signal },
  )
  after(async () => {
    stopping.abort()
    await consuming
    await close()
  })
}

interface Flag {
  readonly version: number
  readonly percent: number
  readonly guard: { readonly halted: boolean } | null
  readonly history: readonly { readonly origin: string; readonly reason: string }[]
}

async function callCutover(url: string, change?: object): Promise<Flag> {
  const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' }
  const put = change && { method: 'PUT', body: JSON.stringify(change) }
  const answer = await fetch(`${url}/v1/admin/cutover?figures=false`, { headers, ...put })
  assert.equal(answer.status, 200, await answer.clone().text())
  return (await answer.json()) as Flag
}

/** Sets the step, lets every owner upload once, and resolves to the flag once the guard has changed it, and when. */
async function play({ url, tokens }: Awaited<ReturnType<typeof startWorld>>, longestS: number) {
  const { version } = await callCutover(url)
  await callCutover(url, { percent: 50, version, reason: 'half, guarded', guard: GUARD })
  const beganAt = performance.now()
  const recording = toneWav({ seconds: 0.3 })
  const uploads = tokens.map(async (key, n) => {
    await delay((1000 * n) / PER_S)
    const answer = await uploadRaw(url, recording, { key })
    assert.equal(answer.status, 202, await answer.text())
  })
  for (;;) {
    const flag = await callCutover(url)
    const tookS = (performance.now() - beganAt) / 1000
    if (flag.version > version + 1) return { flag, tookS, uploads: await Promise.all(uploads) }
    assert.ok(tookS < longestS, 'the guard changed nothing')
    await delay(250)
  }
}

describe('the guard under traffic', { skip: skipWithoutPostgres }, () => {
  test('a queue that fails every fifth owner is back within one window', { timeout: 300_000 }, async () => {
    const { flag, tookS } = await play(await startWorld({ queue: 0.2, direct: 0.02 }), HOLD_S)
    assert.deepEqual([flag.percent, flag.guard?.halted, flag.history[0]?.origin], [10, true, 'guard'])
    assert.ok(tookS < HOLD_S, `${tookS} s`)
  })

  test('both routes failing every fifth owner go forward to the next step', { timeout: 300_000 }, async () => {
    const { flag, tookS } = await play(await startWorld({ queue: 0.2, direct: 0.2 }), 4 * HOLD_S)
    assert.deepEqual([flag.percent, flag.guard?.halted], [80, false], flag.history[0]?.reason)
    assert.ok(tookS >= HOLD_S, `${tookS} s`)
  })
})
