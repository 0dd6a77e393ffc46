import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createRandom } from '../../../scripts/bench/random.ts'
import { judgeStep, type StepLook, type WindowOutcomes } from '../../../src/domain/guard.ts'
import type { Route } from '../../../src/domain/job.ts'

const PLAN = { steps: [1, 10, 50, 80, 100], holdS: 3600, minOwners: 300, halted: false }
const BASELINE = { queue: { owners: 500, failed: 10 }, direct: { owners: 500, failed: 10 } }

/** Owners on each route; those who fail come evenly spread. */
function outcomes(
  queue: readonly [owners: number, failing: number],
  direct: readonly [number, number],
): WindowOutcomes {
  const spread = (count: number, route: Route) =>
    Array.from({ length: count }, (_, i) => ({ at: (i + 0.5) / count, route }))
  const failures = [...spread(queue[1], 'queue'), ...spread(direct[1], 'direct')].sort((a, b) => a.at - b.at)
  const failed = queue[1] + direct[1]
  const owners = queue[0] + direct[0]
  const firsts = Array.from(
    { length: owners },
    (_, i) => Math.floor(((i + 1) * failed) / owners) > Math.floor((i * failed) / owners),
  )
  return {
    queue: { owners: queue[0], failed: queue[1] },
    direct: { owners: direct[0], failed: direct[1] },
    failures: failures.map(({ route }) => route),
    firsts,
  }
}

function look(percent: number, windows: readonly WindowOutcomes[], more: Partial<StepLook> = {}): StepLook {
  const from = more.ageS === undefined ? 1 : Math.floor(more.ageS / PLAN.holdS) + 2 - windows.length
  return {
    ...{ percent, ageS: 3000, baseline: null, deadLetterOwners: 0 },
    windows: windows.map((each, i) => ({ number: from + i, outcomes: each })),
    ...more,
  }
}

const FINE = outcomes([400, 8], [400, 8])
const NONE = outcomes([0, 0], [0, 0])

describe('with owners on both routes', () => {
  test('the queue failing every fifth owner takes the step back, and halts', () => {
    const { action, to, why, evidence } = judgeStep(look(50, [outcomes([100, 20], [100, 2])]), PLAN)
    assert.deepEqual([action, to], ['back', 10])
    assert.match(
      why,
      /^In window 1 at 50 % failures met 20 of 100 on the queue and 2 of 100 on the direct route: \d+ times/,
    )
    assert.ok(evidence.evidence >= evidence.threshold)
  })

  test('both failing alike, however much, is no reason to go back', () => {
    for (const failing of [8, 80, 400]) {
      const { action } = judgeStep(look(50, [outcomes([400, failing], [400, failing])]), PLAN)
      assert.equal(action, 'hold', `${failing}`)
    }
    assert.equal(judgeStep(look(1, [outcomes([20, 20], [1980, 1980])]), PLAN).action, 'hold')
  })

  test('the direct route failing more is no reason to go back', () => {
    assert.equal(judgeStep(look(50, [outcomes([400, 8], [400, 80])]), PLAN).action, 'hold')
  })

  test('dead letters and shares that would alarm with one route left do not', () => {
    const failing = outcomes([400, 120], [400, 120])
    assert.equal(judgeStep(look(50, [failing], { deadLetterOwners: 10_000, baseline: BASELINE }), PLAN).action, 'hold')
  })

  test('from below every step of the plan it goes back to nothing', () => {
    const bad = outcomes([100, 50], [900, 18])
    assert.equal(judgeStep(look(1, [bad]), { ...PLAN, steps: [1, 10] }).to, 0)
    assert.equal(judgeStep(look(5, [bad]), { ...PLAN, steps: [1, 10] }).to, 1)
  })

  test('an alarm of the window before the one that runs counts', () => {
    const { action, evidence } = judgeStep(look(50, [outcomes([100, 20], [100, 2]), NONE], { ageS: 3601 }), PLAN)
    assert.deepEqual([action, evidence.window], ['back', 1])
  })
})

describe('forward', () => {
  const held = { ageS: 3700 }

  test('it goes after its time with enough owners on both routes and no alarm', () => {
    assert.deepEqual(
      [judgeStep(look(50, [FINE, NONE], held), PLAN)].map(({ action, to }) => [action, to]),
      [['forward', 80]],
    )
    assert.equal(judgeStep(look(0, [outcomes([0, 0], [400, 8]), NONE], held), PLAN).to, 1)
    assert.equal(judgeStep(look(80, [FINE, NONE], held), PLAN).to, 100)
  })

  test('it does not before its time', () => {
    const { action, why } = judgeStep(look(50, [FINE]), PLAN)
    assert.deepEqual([action, why], ['hold', 'Held for 3000 s of 3600 s.'])
  })

  test('it does not with too few owners on one route, in any one window', () => {
    const few = outcomes([299, 6], [3000, 60])
    const { action, why } = judgeStep(look(10, [few, few], held), PLAN)
    assert.deepEqual([action, why], ['hold', 'Waits for 300 owners on each route in one window; 299 so far.'])
  })

  test('it does not once it was halted, nor beyond the last step', () => {
    const halted = { ...PLAN, halted: true }
    assert.match(judgeStep(look(50, [FINE, NONE], held), halted).why, /^Halted/)
    assert.match(judgeStep(look(100, [outcomes([800, 16], [0, 0]), NONE], held), PLAN).why, /last step/)
  })

  test('while it is halted it goes on watching', () => {
    const halted = { ...PLAN, halted: true }
    assert.equal(judgeStep(look(10, [outcomes([100, 30], [900, 18])]), halted).to, 1)
  })
})

describe('with one route left', () => {
  const at100 = (owners: number, failing: number, more: Partial<StepLook> = {}) =>
    judgeStep(look(100, [outcomes([owners, failing], [0, 0])], { baseline: BASELINE, ...more }), PLAN)

  test('the share of the last window with both is what counts', () => {
    assert.equal(at100(400, 8).action, 'hold')
    const { action, to, why } = at100(400, 60)
    assert.deepEqual([action, to], ['back', 80])
    assert.equal(why, 'In window 1 the first jobs of 60 of 400 owners failed, where 4.2 % is the most expected.')
  })

  test('a route that failed many before may do so still', () => {
    const baseline = { queue: { owners: 500, failed: 150 }, direct: { owners: 500, failed: 150 } }
    assert.equal(at100(400, 120, { baseline }).action, 'hold')
    assert.equal(at100(400, 320, { baseline }).action, 'back')
  })

  test('without a baseline a fifth may fail, and so may it where that had few owners', () => {
    const thin = { queue: { owners: 5, failed: 0 }, direct: { owners: 500, failed: 10 } }
    for (const baseline of [null, thin]) {
      assert.equal(at100(400, 80, { baseline }).action, 'hold')
      const { action, why } = at100(400, 240, { baseline })
      assert.deepEqual([action, /nothing to compare with/.test(why)], ['back', true])
    }
    assert.equal(at100(10, 3, { baseline: null }).action, 'hold')
  })

  test('an honest share of failures is no alarm, however many windows it is looked at in', () => {
    const random = createRandom(12_345)
    const firsts = Array.from({ length: 300 }, () => Array.from({ length: 100 }, () => random.next() < 0.05))
    const alarms = firsts.filter((drawn, index) => {
      const failed = drawn.filter(Boolean).length
      const one = { ...NONE, queue: { owners: 100, failed }, firsts: drawn }
      return judgeStep(look(100, [one], { ageS: index * 3600 }), PLAN).action !== 'hold'
    })
    assert.deepEqual(alarms, [])
  })

  test('dead letters are too many when they are of more than a fifth of the owners, and of more than a few', () => {
    assert.equal(at100(400, 8, { deadLetterOwners: 80 }).action, 'hold')
    assert.equal(at100(40, 1, { deadLetterOwners: 30 }).action, 'hold')
    assert.equal(at100(40, 1, { deadLetterOwners: 31 }).action, 'back')
    const { action, why } = at100(400, 8, { deadLetterOwners: 81 })
    assert.deepEqual([action, why], ['back', 'In the last 3600 s jobs of 81 owners became dead letters.'])
  })

  test('at 0 % nothing can go back: it halts once, and then stays', () => {
    const bad = look(0, [outcomes([0, 0], [400, 100])], { baseline: BASELINE })
    assert.deepEqual(
      [judgeStep(bad, PLAN)].map(({ action, to }) => [action, to]),
      [['halt', 0]],
    )
    assert.equal(judgeStep(bad, { ...PLAN, halted: true }).action, 'hold')
  })
})
