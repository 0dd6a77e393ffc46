import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createUuidV7 } from '../../../src/domain/ids.ts'
import { lastLookAt } from '../../../src/services/guard-cutover.ts'
import { baselineFor } from '../../../src/services/look-at-step.ts'
import { flagChange } from '../../contracts/cutover-store.ts'
import { changeTo, newJob } from '../../contracts/job-store-suite.ts'
import { createFakePorts } from '../../support/fake-ports.ts'
import { GUARD, prepareStep } from '../../support/guarded-step.ts'

test('a queue that fails every fifth owner is taken back a step; everybody is told why, once', async () => {
  const { ports, pass, end, look, current } = await prepareStep({ allow: ['first'], deny: ['last'] })
  pass(60)
  await end('direct', 100, 2)
  await end('queue', 100, 20)
  await look()
  const { percent, allow, deny, origin, changedBy, reason, guard, version } = await current()
  assert.deepEqual([percent, origin, changedBy, version], [10, 'guard', 'guard', 2])
  assert.deepEqual([allow, deny, guard], [['first'], ['last'], { ...GUARD, halted: true }])
  assert.match(reason, /20 of 100 on the queue and 2 of 100 on the direct route/)
  assert.deepEqual(ports.cutoverNews.told, [2])
  assert.deepEqual(
    [ports.metrics.counted('guard', { action: 'back' }), ports.metrics.counted('cutover_changes')],
    [1, 1],
  )
  pass(11)
  await look()
  const [told, ...more] = ports.guardNotifier.taken
  assert.deepEqual(more, [])
  assert.deepEqual(
    [told?.event, told?.action, told?.version, told?.percent, told?.previous_percent, told?.halted, told?.reason],
    ['cutover-guard', 'back', 2, 10, 50, true, reason],
  )
})

test('both routes failing alike never takes a step back, in any window', async () => {
  const { pass, end, look, current } = await prepareStep()
  for (let window = 0; window < 3; window += 1) {
    for (let i = 0; i < 5; i += 1) {
      await end('queue', 10, 5)
      await end('direct', 10, 5)
    }
    pass(590)
    await look()
    assert.equal((await current()).origin, window === 0 ? 'operator' : 'guard')
    assert.notEqual((await current()).guard?.halted, true)
  }
})

test('one owner whose every job fails changes nothing', async () => {
  const { ports, pass, end, look, current } = await prepareStep()
  await end('direct', 50, 1)
  await end('queue', 50, 1)
  const { version } = await current()
  for (let i = 0; i < 300; i += 1) {
    const jobId = createUuidV7(Date.now())
    await ports.jobs.create(newJob({ jobId, owner: 'busy', routeReason: 'percentage', flagVersion: version }))
    await ports.jobs.advance([changeTo(jobId, 'failed')])
  }
  pass(60)
  await look()
  assert.equal((await current()).version, version)
})

test('steps go forward after their time with enough owners, and not before', async () => {
  const { pass, end, look, current } = await prepareStep({ percent: 1 })
  const percents: number[] = []
  for (let i = 0; i < 12; i += 1) {
    await end('direct', 10, 0)
    await end('queue', 10, 0)
    pass(301)
    await look()
    percents.push((await current()).percent)
  }
  assert.deepEqual(percents, [1, 10, 10, 50, 50, 80, 80, 100, 100, 100, 100, 100])
})

test('too few owners on one route hold the step however long it takes', async () => {
  const { pass, end, look, current } = await prepareStep()
  for (let i = 0; i < 5; i += 1) {
    await end('direct', 100, 0)
    await end('queue', 9, 0)
    pass(650)
    await look()
  }
  assert.equal((await current()).version, 1)
})

test('once halted it goes forward only by an operator’s word', async () => {
  const { ports, pass, end, look, current } = await prepareStep({ guard: { ...GUARD, halted: true } })
  const isForward = async () => {
    await end('direct', 30, 0)
    await end('queue', 30, 0)
    pass(601)
    await look()
    return (await current()).percent > 50
  }
  assert.equal(await isForward(), false)
  await ports.cutover.change(flagChange({ percent: 50, guard: GUARD }), 1)
  assert.equal(await isForward(), true)
})

test('failures that come in a row when a burst is over are no more than they are', async () => {
  const baseline = { queue: { owners: 600, failed: 24 }, direct: { owners: 150, failed: 6 } }
  const { pass, end, begin, look, current } = await prepareStep({ percent: 100, baseline })
  for (let i = 0; i < 300; i += 1) {
    if (i % 25 === 12) await begin('queue')
    else await end('queue', 1, 0)
    pass(1)
  }
  for (let i = 0; i < 70; i += 1) {
    pass(11)
    await look()
  }
  assert.equal((await current()).percent, 100)
})

test('a route that fails as often but at once is not the worse one', async () => {
  const { pass, end, begin, look, current } = await prepareStep()
  for (let i = 0; i < 200; i += 1) {
    if (i % 10 === 5) await begin('direct')
    else await end('direct', 1, 0)
    await end('queue', 1, i % 10 === 5 ? 1 : 0)
    pass(1)
    if (i % 12 === 0) await look()
  }
  pass(301)
  await look()
  assert.deepEqual([(await current()).percent, (await current()).guard?.halted], [50, false])
})

test('without a guard nothing happens by itself', async () => {
  const { pass, end, look, current } = await prepareStep({ guard: null })
  await end('queue', 100, 100)
  pass(700)
  await look()
  assert.equal((await current()).version, 1)
})

test('the step to 100 % keeps the last window with both routes, and is taken back by it', async () => {
  const { pass, end, look, current } = await prepareStep({ percent: 80 })
  await end('direct', 60, 1)
  await end('queue', 240, 5)
  pass(601)
  await look()
  const { percent, baseline } = await current()
  assert.deepEqual(
    [percent, baseline?.queue, baseline?.direct],
    [100, { owners: 240, failed: 5 }, { owners: 60, failed: 1 }],
  )
  await end('queue', 200, 4)
  pass(11)
  await look()
  assert.equal((await current()).percent, 100)
  await end('queue', 200, 40)
  pass(11)
  await look()
  assert.deepEqual([(await current()).percent, (await current()).guard?.halted], [80, true])
})

test('an operator’s change that leaves one route keeps the last window too, and hands on what was kept', async () => {
  const { ports, pass, end } = await prepareStep({ guard: null })
  await end('direct', 30, 3)
  await end('queue', 30, 6)
  pass(60)
  const baseline = await baselineFor(ports, 100)
  assert.deepEqual(baseline, { queue: { owners: 30, failed: 6 }, direct: { owners: 30, failed: 3 } })
  assert.equal(await baselineFor(ports, 60), null)
  await ports.cutover.change(flagChange({ percent: 100, baseline }), 1)
  assert.deepEqual(await baselineFor(ports, 0), baseline)
  assert.equal(await baselineFor(createFakePorts(), 0), null)
})

test('a guard that cannot look is counted, and when it last could is kept', async () => {
  const { ports, pass, look } = await prepareStep()
  assert.equal(await lastLookAt(ports), null)
  await look()
  const seenAt = await lastLookAt(ports)
  assert.ok(seenAt)
  pass(11)
  ports.comparison.setDown(true)
  await assert.rejects(look(), { code: 'database-unavailable' })
  assert.equal(ports.metrics.counted('guard', { action: 'error' }), 1)
  assert.equal(await lastLookAt(ports), seenAt)
  pass(11)
  ports.comparison.setDown(false)
  await look()
  assert.equal(Date.parse((await lastLookAt(ports)) ?? '') - Date.parse(seenAt), 22_000)
})
