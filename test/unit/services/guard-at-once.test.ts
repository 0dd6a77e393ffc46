import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../../src/domain/errors.ts'
import { guardCutover, watchStep } from '../../../src/services/guard-cutover.ts'
import { baselineAtOnce } from '../../../src/services/look-at-step.ts'
import { flagChange } from '../../contracts/cutover-store.ts'
import { prepareStep, RULES } from '../../support/guarded-step.ts'

test('two guards at once make one change and tell it once', async () => {
  const { ports, pass, end, current } = await prepareStep()
  await end('direct', 100, 2)
  await end('queue', 100, 20)
  pass(60)
  await Promise.all([guardCutover(ports, RULES), guardCutover(ports, RULES), guardCutover(ports, RULES)])
  assert.equal((await current()).version, 2)
  assert.equal(ports.guardNotifier.taken.length, 1)
})

test('a guard whose turn ran out while it looked changes nothing once another was first', async () => {
  const { ports, pass, end, current } = await prepareStep()
  await end('direct', 100, 2)
  await end('queue', 100, 20)
  pass(60)
  await Promise.all([watchStep(ports), watchStep(ports)])
  assert.equal((await current()).version, 2)
  assert.equal(ports.metrics.counted('guard', { action: 'overtaken' }), 1)
  assert.equal(ports.metrics.counted('guard', { action: 'back' }), 1)
})

test('an operator who changes the flag while the guard looks has the last word', async () => {
  const { ports, pass, end, current } = await prepareStep()
  await end('direct', 100, 2)
  await end('queue', 100, 20)
  pass(60)
  const outcomes: typeof ports.comparison.outcomes = async (...args) => {
    await ports.cutover.change(flagChange({ percent: 0 }), 1).catch(() => {})
    return ports.comparison.outcomes(...args)
  }
  await watchStep({ ...ports, comparison: { ...ports.comparison, outcomes } })
  const { percent, version, origin } = await current()
  assert.deepEqual([percent, version, origin], [0, 2, 'operator'])
})

test('who cannot be told is told as soon as he can be, in order; meanwhile the step is back', async () => {
  const { ports, pass, end, look, current } = await prepareStep()
  ports.guardNotifier.setDown(true)
  ports.cutoverNews.setDown(true)
  await end('direct', 100, 2)
  await end('queue', 100, 20)
  for (let i = 0; i < 3; i += 1) {
    pass(11)
    await look()
  }
  assert.equal((await current()).percent, 10)
  await end('direct', 100, 2)
  await end('queue', 100, 40)
  pass(11)
  await look()
  assert.equal((await current()).percent, 1)
  assert.deepEqual(ports.guardNotifier.taken, [])
  ports.guardNotifier.setDown(false)
  for (let i = 0; i < 2; i += 1) {
    pass(11)
    await look()
  }
  assert.deepEqual(
    ports.guardNotifier.taken.map(({ version, percent }) => [version, percent]),
    [
      [2, 10],
      [3, 1],
    ],
  )
})

test('a guard that dies before it has told leaves that to the next', async () => {
  const { ports, pass, end, look } = await prepareStep()
  await end('direct', 100, 2)
  await end('queue', 100, 20)
  pass(60)
  await watchStep(ports)
  await look()
  assert.deepEqual(
    ports.guardNotifier.taken.map(({ version }) => version),
    [2],
  )
})

test('a look that fails holds up nobody who is to be told, and the pause after it is as long as it asks for', async () => {
  const { ports, pass, end } = await prepareStep()
  await end('direct', 100, 2)
  await end('queue', 100, 20)
  pass(60)
  await watchStep(ports)
  const dues: number[] = []
  const recorded: typeof ports.sweeps.end = async (turn, how) => {
    dues.push(how.dueInS)
    await ports.sweeps.end(turn, how)
  }
  const fails = async () => {
    throw new AppError('database-unavailable', 'The statement took too long')
  }
  const comparison = { ...ports.comparison, ageS: fails }
  const failing = { ...ports, comparison, sweeps: { ...ports.sweeps, end: recorded } }
  await assert.rejects(guardCutover(failing, { intervalS: 0 }), { code: 'database-unavailable' })
  assert.deepEqual(
    ports.guardNotifier.taken.map(({ version }) => version),
    [2],
  )
  assert.ok(dues.length === 1 && dues[0]! > 0, `${dues}`)
})

test('while the database is away a pass fails, and the next one does its work', async () => {
  const { ports, pass, end, look, current } = await prepareStep()
  await end('direct', 100, 2)
  await end('queue', 100, 20)
  pass(60)
  ports.comparison.setDown(true)
  await assert.rejects(look(), { code: 'database-unavailable' })
  ports.comparison.setDown(false)
  pass(11)
  await look()
  assert.equal((await current()).percent, 10)
})

test('an operator who goes back waits for no figures: a comparison that hangs or fails leaves what was kept', async () => {
  const { ports } = await prepareStep()
  const kept = { queue: { owners: 9, failed: 1 }, direct: { owners: 9, failed: 1 } }
  const hanging = { ...ports.comparison, ageS: () => new Promise<never>(() => {}) }
  assert.equal(await baselineAtOnce({ ...ports, comparison: hanging }, 0, kept), kept)
  assert.equal(ports.log.lines.at(-1)?.sentence, 'cutover changed without waiting for the last window')
  ports.comparison.setDown(true)
  assert.equal(await baselineAtOnce(ports, 0, kept), kept)
})
