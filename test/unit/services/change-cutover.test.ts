import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeCutover, type OperatorsChange } from '../../../src/services/change-cutover.ts'
import { flagChange } from '../../contracts/cutover-store.ts'
import { createFakePorts, type FakePorts } from '../../support/fake-ports.ts'
import { DIRECT_ROUTE } from '../../support/flags.ts'

function change(ports: FakePorts, fields: Partial<OperatorsChange>, settings = DIRECT_ROUTE) {
  const given = { version: ports.cutover.rows.length, percent: 50, reason: 'test', guard: null, by: 'ops', ...fields }
  return changeCutover(ports, settings, given)
}

test('a change is kept, known to this process at once, told to the others and counted', async () => {
  const ports = createFakePorts()
  const made = await change(ports, { percent: 12.34, reason: 'a start', by: 'maria' })
  assert.deepEqual(await ports.cutover.current(), made)
  assert.deepEqual(
    [made.version, made.percent, made.reason, made.changedBy, made.origin],
    [1, 12.34, 'a start', 'maria', 'operator'],
  )
  assert.deepEqual(ports.router.learned, [made])
  assert.deepEqual(ports.cutoverNews.told, [1])
  assert.equal(ports.metrics.counted('cutover_changes', { origin: 'operator' }), 1)
})

test('a change that cannot be told is a change all the same', async () => {
  const ports = createFakePorts()
  ports.cutoverNews.setDown(true)
  assert.equal((await change(ports, {})).version, 1)
  assert.equal(ports.router.learned.length, 1)
  assert.ok(ports.log.lines.some(({ sentence }) => sentence.startsWith('cutover change not told')))
})

test('lists that are left out stay as they are, and a list that is given is kept without repeats', async () => {
  const ports = createFakePorts()
  await change(ports, { allow: ['a', 'b', 'a'], deny: ['c'] })
  const second = await change(ports, { percent: 60 })
  assert.deepEqual([second.allow, second.deny], [['a', 'b'], ['c']])
  const third = await change(ports, { allow: [] })
  assert.deepEqual([third.allow, third.deny], [[], ['c']])
})

test('a guard holds for the change it comes with: without one nothing happens by itself any more', async () => {
  const ports = createFakePorts()
  const guard = { steps: [1, 10, 100], holdS: 60, minOwners: 30 }
  assert.deepEqual((await change(ports, { guard })).guard, { ...guard, halted: false })
  assert.equal((await change(ports, {})).guard, null)
})

test('what the guard last saw of both sides is kept through an operator’s change', async () => {
  const ports = createFakePorts()
  const baseline = { queue: { owners: 10, failed: 1 }, direct: { owners: 12, failed: 0 } }
  await ports.cutover.change(flagChange({ origin: 'guard', baseline }), 0)
  assert.deepEqual((await change(ports, { percent: 100 })).baseline, baseline)
})

test('a change of another version than the newest is refused, tells nobody and says what is in force', async () => {
  const ports = createFakePorts()
  await change(ports, { percent: 10, by: 'maria', reason: 'first' })
  const conflict = { code: 'cutover-conflict', message: /Version 1 is in force, not 0. maria set 10 % at .*: first/ }
  await assert.rejects(change(ports, { version: 0 }), conflict)
  await assert.rejects(change(ports, { version: 2 }), { code: 'cutover-conflict' })
  assert.deepEqual([ports.cutover.rows.length, ports.cutoverNews.told], [1, [1]])
})

test('without a direct route nobody is sent there: below 100 % is refused, and any guard, which may step back', async () => {
  const ports = createFakePorts()
  const none = { ...DIRECT_ROUTE, hasDirectRoute: false }
  await assert.rejects(change(ports, { percent: 99.99 }, none), { code: 'direct-route-missing' })
  for (const steps of [[50, 100], [100]]) {
    const guard = { steps, holdS: 60, minOwners: 30 }
    await assert.rejects(change(ports, { percent: 100, guard }, none), { code: 'direct-route-missing' })
  }
  assert.equal((await change(ports, { percent: 100 }, none)).version, 1)
})

test('a percentage finer than a bucket, and steps that do not rise, are refused', async () => {
  const ports = createFakePorts()
  const refused = (fields: Partial<OperatorsChange>, message: RegExp) =>
    assert.rejects(change(ports, fields), { code: 'request-invalid', message })
  const plan = { holdS: 60, minOwners: 30 }
  await refused({ percent: 0.001 }, /percent: 0.001 is finer/)
  await refused({ guard: { steps: [1, 10.005], ...plan } }, /guard\/steps: 10.005 is finer/)
  await refused({ guard: { steps: [10, 10], ...plan } }, /10 comes after 10; they have to rise/)
  for (const percent of [0.01, 0.29, 57.01, 99.99]) assert.equal((await change(ports, { percent })).percent, percent)
})

test('while the database is away nothing is changed and nobody is told', async () => {
  const ports = createFakePorts()
  ports.cutover.setDown(true)
  await assert.rejects(change(ports, {}), { code: 'database-unavailable' })
  assert.deepEqual([ports.router.learned, ports.cutoverNews.told], [[], []])
})
