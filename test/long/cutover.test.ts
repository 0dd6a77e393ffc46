import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startProcess } from '../support/processes.ts'
import { toneWav } from '../support/recordings.ts'
import { getJson, openTestPlaces, startTestSystem, TEST_KEY, uploadRaw } from '../support/system.ts'

const ADMIN_KEY = 'test-key-of-ops'
const { places, env } = await openTestPlaces()
const system = await startTestSystem(['api'], places, {
  ...env,
  BOOTSTRAP_API_KEYS: `acme=${TEST_KEY},ops=${ADMIN_KEY}:admin`,
  USE_QUEUE_SYSTEM: 'false',
  // Nobody listens there: of these jobs only the rows are looked at.
  ANALYSIS_SERVER_URL: 'http://127.0.0.1:9/analyse',
  WEBHOOK_URL: 'http://127.0.0.1:9',
  WEBHOOK_SECRET: 'a secret of this test',
})
const path = '/v1/admin/cutover'

async function put(change: object, key = ADMIN_KEY) {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const response = await fetch(`${system.url}${path}`, { method: 'PUT', headers, body: JSON.stringify(change) })
  // biome-ignore lint/suspicious/noExplicitAny: whatever the API answers, looked at field by field
  return { status: response.status, body: (await response.json()) as any }
}

// biome-ignore lint/suspicious/noExplicitAny: the same
const get = async (query = ''): Promise<any> => (await getJson(`${system.url}${path}${query}`, ADMIN_KEY)).body
const version = async (): Promise<number> => (await get()).version

async function uploaded() {
  const response = await uploadRaw(system.url, toneWav({ seconds: 0.05 }))
  const { job_id: jobId, route } = (await response.json()) as { job_id: string; route: string }
  const job = await system.ports.jobs.find(jobId)
  assert.equal(job?.route, route)
  return job!
}

async function run(args: readonly string[], environment: Record<string, string> = {}) {
  const child = startProcess(['scripts/cutover.ts', ...args], {
    ...{ TONEWIRE_URL: system.url, TONEWIRE_KEY: ADMIN_KEY },
    ...environment,
  })
  const { code } = await child.ended
  return { code, output: child.output() }
}

test('before anybody has set the flag it is of version 0, and the default decides', async () => {
  const { history, effective, routes, ratio_check, guard_state, ...state } = await get()
  assert.deepEqual([ratio_check, guard_state], [null, null])
  assert.deepEqual(
    routes.map(({ window_s }: { window_s: number }) => window_s),
    [300, 3600],
  )
  assert.deepEqual(state, {
    ...{ version: 0, percent: 0, allow: [], deny: [], guard: null, reason: null, changed_by: null, changed_at: null },
    ...{ origin: null, default_percent: 0, forced: null, next_before: null },
  })
  assert.deepEqual([history, effective], [[], { percent: 0, by: 'default' }])
  const job = await uploaded()
  assert.deepEqual([job.route, job.routeReason, job.flagVersion], ['direct', 'default', null])
})

test('what an operator sets counts for the next upload, and not for one that is there', async () => {
  const before = await uploaded()
  const { status, body } = await put({ percent: 100, reason: 'all over', version: 0 })
  assert.equal(status, 200)
  assert.deepEqual(
    [body.version, body.percent, body.reason, body.changed_by, body.origin],
    [1, 100, 'all over', 'ops', 'operator'],
  )
  assert.deepEqual(body.effective, { percent: 100, by: 'flag' })
  const after = await uploaded()
  assert.deepEqual([after.route, after.routeReason, after.flagVersion], ['queue', 'percentage', 1])
  assert.equal((await system.ports.jobs.find(before.jobId))?.route, 'direct')
  assert.equal((await put({ percent: 100, reason: 'but not acme', version: 1, deny: ['acme'] })).status, 200)
  assert.deepEqual([(await uploaded()).routeReason, (await uploaded()).route], ['denied', 'direct'])
  const cleared = await put({ percent: 0, reason: 'acme only', version: 2, deny: [], allow: ['acme'] })
  assert.deepEqual([cleared.body.allow, cleared.body.deny], [['acme'], []])
  assert.deepEqual([(await uploaded()).routeReason, (await uploaded()).route], ['allowed', 'queue'])
  const explained = await getJson(`${system.url}/v1/jobs/${after.jobId}/timeline`)
  assert.match(
    String(explained.body.explanation),
    /by the queue route \(by the percentage of the cutover, flag version 1\)/,
  )
})

test('of operators who change one version at once one wins, and the others hear who and what', async () => {
  const from = await version()
  const answers = await Promise.all(
    [10, 20, 30, 40].map((percent) => put({ percent, reason: `to ${percent}`, version: from })),
  )
  const [winner] = answers.filter(({ status }) => status === 200)
  const losers = answers.filter(({ status }) => status === 409)
  assert.equal(losers.length, 3)
  for (const { body } of losers) {
    assert.equal(body.code, 'cutover-conflict')
    assert.match(
      body.detail,
      new RegExp(`^Version ${from + 1} is in force, not ${from}. ops set ${winner?.body.percent} % at`),
    )
  }
})

test('what cannot be meant is refused with a sentence', async () => {
  const right = { percent: 50, reason: 'x', version: await version() }
  const guard = { steps: [1, 10], hold_s: 60, min_owners: 30 }
  const wrong: [object, RegExp][] = [
    [{ percent: 101 }, /percent must be <= 100/],
    [{ percent: -1 }, /percent must be >= 0/],
    [{ percent: '50' }, /percent must be number/],
    [{ percent: 50.001 }, /percent: 50.001 is finer than 0.01/],
    [{ reason: '' }, /reason must match/],
    [{ reason: 'x'.repeat(501) }, /reason must match/],
    [{ reason: undefined }, /reason/],
    [{ version: undefined }, /version/],
    [{ version: 1.5 }, /version must be integer/],
    [{ allow: ['not an owner!'] }, /allow\/0 must match/],
    [{ deny: Array(1001).fill('a') }, /deny must not have more than 1000 items/],
    [{ percentage: 50 }, /additional/],
    [{ guard: { ...guard, steps: [10, 1] } }, /guard\/steps: 1 comes after 10; they have to rise/],
    [{ guard: { ...guard, steps: [] } }, /guard/],
    [{ guard: { ...guard, hold_s: 0 } }, /guard/],
    [{ guard: { ...guard, halted: true } }, /guard/],
  ]
  for (const [fields, sentence] of wrong) {
    const { status, body } = await put({ ...right, ...fields })
    assert.equal(status, 400, JSON.stringify([fields, body]))
    assert.match(body.detail, sentence)
  }
  assert.equal((await put(right, TEST_KEY)).status, 403)
  assert.equal(await version(), right.version)
})

test('the history is read page by page, 20 at a time', async () => {
  for (let n = await version(); n < 25; n++) await put({ percent: n, reason: `step ${n}`, version: n })
  const first = await get()
  const second = await get(`?before=${first.next_before}`)
  const versions = [...first.history, ...second.history].map((each: { version: number }) => each.version)
  assert.deepEqual(
    versions,
    Array.from({ length: 25 }, (_, i) => 25 - i),
  )
  assert.deepEqual([first.history.length, second.next_before, second.version], [20, null, 25])
})

test('npm run cutover reads, sets and tells the history by a running API', async () => {
  const from = await version()
  const set = [
    'set',
    '12.5',
    '--reason',
    'by hand',
    '--allow',
    'vip,pilot',
    '--steps',
    '12.5,50,100',
    '--hold',
    '60',
    '--min-owners',
    '30',
  ]
  const done = await run(set)
  assert.equal(done.code, 0, done.output)
  assert.match(done.output, new RegExp(`→ 12.5 % \\(version ${from} → ${from + 1}\\)\\.\n.*within a second`))
  const [got, json, past] = await Promise.all([
    run(['get', '--history']),
    run(['get', '--json']),
    run(['history', '--limit', '22']),
  ])
  assert.match(got.output, /12.5 % of owners take the queue \(version \d+\), set by ops at .*: by hand/)
  assert.match(got.output, /Guarded: steps 12.5, 50, 100, 60 s each, 30 owners a side/)
  assert.match(got.output, /always the queue: vip, pilot/)
  assert.equal(JSON.parse(json.output).version, from + 1)
  assert.equal(past.output.split('\n').length, 22)
  assert.match(past.output.split('\n')[0] ?? '', /12.5 {1}% {2}ops \(operator\) {2}by hand$/)
  const late = await run(['set', '10%', '--reason', 'late', '--version', String(from)])
  assert.equal(late.code, 1)
  assert.match(late.output, /Version \d+ is in force, not \d+.*by hand \(cutover-conflict\)/)
})

test('npm run cutover says what it cannot be asked, before it calls anybody', async () => {
  const wrong: [string[], RegExp][] = [
    [['set', '50'], /--reason is missing/],
    [['set', 'half', '--reason', 'x'], /The percentage "half" is not a number/],
    [['set', '101', '--reason', 'x'], /percent: must be <= 100/],
    [['set', '--reason', 'x'], /The percent is missing/],
    [['set', '50', '--reason', 'x', '--steps', '1,2'], /go together/],
    [['set', '50', '--reason', 'x', '--allow', 'no owner'], /allow\/0: must match/],
    [['unset'], /There is no command "unset"/],
  ]
  const answers = await Promise.all(wrong.map(([args]) => run(args, { TONEWIRE_URL: 'http://127.0.0.1:9' })))
  for (const [index, { code, output }] of answers.entries()) {
    assert.equal(code, 2, output)
    assert.match(output, wrong[index]![1])
  }
})
