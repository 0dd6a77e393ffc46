import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { cutoverComparisonFields } from '../../../src/http/cutover-comparison-schemas.ts'
import { NO_COMPARISON, readComparison, viewComparison } from '../../../src/http/cutover-comparison-view.ts'
import { guardCutover } from '../../../src/services/guard-cutover.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { routeGauges } from '../../../src/telemetry/route-gauge.ts'
import { flagChange } from '../../contracts/cutover-store.ts'
import { addRoutedJob, type Fate } from '../../contracts/route-comparison-suite.ts'
import { createFakePorts } from '../../support/fake-ports.ts'

const GUARD = { steps: [10, 50], holdS: 600, minOwners: 20, halted: false }
const schema = Type.Object(cutoverComparisonFields)
/** Our own flag decides. */
const OURS = { provider: null }

async function prepare() {
  const ports = createFakePorts()
  const flag = await ports.cutover.change(flagChange({ percent: 50, guard: GUARD }), 0)
  ports.cutover.rows[0] = { ...flag, changedAt: new Date(+flag.changedAt - 100_000) }
  const fates: readonly Fate[] = ['completed', 'completed', 'failed', 'client', 'cancelled', 'stored']
  for (const [i, fate] of fates.entries()) {
    await addRoutedJob(
      { jobs: ports.jobs, age: ports.jobs.age },
      {
        // In this order: what was made after the one that is not over yet would not be there.
        ...{ owner: `owner-${i}`, route: 'queue', version: 1, fate, agoS: 16 - i, tookS: 2 },
      },
    )
  }
  return { ports, flag: ports.cutover.rows[0]! }
}

test('an admin reads both routes over both windows, the split of the owners and what the guard thinks', async () => {
  const { ports, flag } = await prepare()
  const view = await viewComparison(ports, flag, OURS)
  assert.ok(Value.Check(schema, view), JSON.stringify([...Value.Errors(schema, view)]))
  assert.deepEqual(
    view.routes.map(({ window_s: windowS, queue, direct }) => [windowS, queue.accepted, direct.accepted]),
    [
      [300, 6, 0],
      [3600, 6, 0],
    ],
  )
  const { completed, failed, cancelled, owners, result_s: resultS, oldest_unfinished_s: oldest } = view.routes[0]!.queue
  assert.deepEqual(failed, { 'analysis-failed': 1, 'recording-undecodable': 1 })
  assert.deepEqual([completed, cancelled, owners, Math.round(resultS!.p50)], [2, 1, 6, 2])
  assert.ok(oldest! >= 12 && oldest! < 20)
  assert.deepEqual([view.ratio_check?.owners, view.ratio_check?.share, view.ratio_check?.expected_share], [6, 1, 0.5])
  const { action, window, owners: seen, failing_owners: failing, threshold } = view.guard_state!
  assert.deepEqual([action, window, seen, failing], ['hold', 1, { queue: 3, direct: 0 }, { queue: 1, direct: 0 }])
  assert.ok(threshold > 300)
  assert.deepEqual([view.guard_state?.looked_at, view.guard_state?.stale], [null, true])
  await guardCutover(ports, { intervalS: 10 })
  const { guard_state: guarded } = await viewComparison(ports, flag, OURS)
  assert.ok(Math.abs(Date.parse(guarded?.looked_at ?? '') - Date.now()) < 60_000)
  assert.equal(guarded?.stale, false)
  const longAgo = new Date(Date.now() - 700_000).toISOString()
  const sweeps = { ...ports.sweeps, lastCursor: async () => longAgo }
  assert.equal((await viewComparison({ ...ports, sweeps }, flag, OURS)).guard_state?.stale, true)
})

test('without a flag there is nothing to check, and without a guard no state', async () => {
  const ports = createFakePorts()
  const { routes, ...none } = await viewComparison(ports, undefined, OURS)
  assert.deepEqual([routes.length, none], [2, { ratio_check: null, guard_state: null }])
  const flag = await ports.cutover.change(flagChange(), 0)
  assert.equal((await viewComparison(ports, flag, OURS)).guard_state, null)
})

test('the metrics show the same', async () => {
  const { ports } = await prepare()
  const metrics = createMetrics()
  for (const source of routeGauges(ports)) metrics.addGauges(source)
  const { text } = await metrics.render()
  for (const line of [
    'tonewire_route_jobs{route="queue",outcome="accepted"} 6',
    'tonewire_route_jobs{route="queue",outcome="failed"} 2',
    'tonewire_route_jobs{route="direct",outcome="completed"} 0',
    'tonewire_route_owners{route="queue"} 6',
    'tonewire_route_oldest_unfinished_seconds{route="direct"} 0',
    'tonewire_cutover_percent{version="1"} 50',
    'tonewire_route_retried_jobs{route="queue",code="other"} 0',
  ]) {
    assert.ok(text.includes(`${line}\n`), line)
  }
  assert.match(text, /tonewire_route_result_seconds\{route="queue",quantile="0.95"\} 2\.?\d*\n/)
  // Since the step began: nobody has looked.
  assert.match(text, /tonewire_guard_looked_seconds\{version="1"\} 10\d\.\d+\n/)
  assert.match(text, /tonewire_cutover_ratio_p\{version="1"\} 0\.\d+\n/)
  assert.doesNotMatch(text, /tonewire_route_result_seconds\{route="direct"/)
})

test('failures are told by code in the metrics; codes that are not ours are one', async () => {
  const { ports } = await prepare()
  const { queue, direct } = await ports.comparison.figures(300)
  const failed = { 'analysis-timeout': 3, 'their-code': 2, 'another-code': 1, constructor: 1 }
  const figures = async () => ({ queue, direct: { ...direct, failed } })
  const metrics = createMetrics()
  for (const source of routeGauges({ ...ports, comparison: { ...ports.comparison, figures } }))
    metrics.addGauges(source)
  const { text } = await metrics.render()
  assert.deepEqual(text.match(/^tonewire_route_failed_jobs\{.*$/gm), [
    'tonewire_route_failed_jobs{route="queue",code="other"} 0',
    'tonewire_route_failed_jobs{route="queue",code="analysis-failed"} 1',
    'tonewire_route_failed_jobs{route="queue",code="recording-undecodable"} 1',
    'tonewire_route_failed_jobs{route="direct",code="other"} 4',
    'tonewire_route_failed_jobs{route="direct",code="analysis-timeout"} 3',
  ])
})

test('before a flag is set there is no percentage in the metrics, and nothing fails', async () => {
  const metrics = createMetrics()
  for (const source of routeGauges(createFakePorts())) metrics.addGauges(source)
  const { text } = await metrics.render()
  assert.doesNotMatch(text, /tonewire_cutover_percent(\{.*\})? \d|scrape_failures_total\{/)
})

test('where a company’s own provider decides, the split says nothing of the flag: neither the answer nor the gauge has it', async () => {
  const { ports, flag } = await prepare()
  assert.notEqual((await viewComparison(ports, flag, OURS)).ratio_check, null)
  assert.equal((await viewComparison(ports, flag, { provider: './provider.ts' })).ratio_check, null)
  const [own, theirs] = [false, true].map((hasProvider) =>
    routeGauges(ports, { hasProvider }).find(({ name }) => name === 'cutover_ratio_p'),
  )
  assert.equal((await own!.read()).length, 1)
  assert.deepEqual(await theirs!.read(), [])
})

test('a comparison that fails leaves the flag readable, and is logged', async () => {
  const { ports } = await prepare()
  const warned: string[] = []
  const log = { ...ports.log, warn: (_fields: object, sentence: string) => void warned.push(sentence) }
  ports.comparison.setDown(true)
  assert.deepEqual(await readComparison({ ...ports, log }, OURS), NO_COMPARISON)
  assert.deepEqual(warned, ['routes not compared'])
})
