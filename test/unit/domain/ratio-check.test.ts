import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRandom } from '../../../scripts/bench/random.ts'
import { isIn } from '../../../src/domain/cutover.ts'
import { checkRatio } from '../../../src/domain/ratio-check.ts'

const dealt = (owners: number, percent: number) => {
  const queue = Array.from({ length: owners }, (_, i) => isIn(`owner-${i}`, percent)).filter(Boolean).length
  return { queue, direct: owners - queue }
}

test('owners that the flag dealt are split as it says, few or many, at any percentage', () => {
  for (const percent of [0, 0.5, 1, 10, 50, 80, 100]) {
    for (const owners of [1, 30, 1000, 20_000]) {
      const { ok, pValue } = checkRatio(dealt(owners, percent), percent)
      assert.ok(ok, `${owners} at ${percent} %: ${pValue}`)
    }
  }
})

test('another split than the flag’s is found', () => {
  for (const [queue, direct, percent] of [
    [600, 400, 50],
    [10_400, 9600, 50],
    [40, 960, 1],
    [150, 850, 10],
    [1, 0, 0],
    [99, 1, 100],
  ] as const) {
    assert.equal(checkRatio({ queue, direct }, percent).ok, false, `${queue}:${direct} at ${percent} %`)
  }
})

test('looking after every owner does not cry wolf: of 300 honest cutovers none is taken for another', () => {
  const random = createRandom(5)
  let alarms = 0
  for (let run = 0; run < 300; run += 1) {
    const sides = { queue: 0, direct: 0 }
    let ok = true
    for (let owner = 0; owner < 500; owner += 1) {
      sides[random.next() < 0.5 ? 'queue' : 'direct'] += 1
      ok &&= checkRatio(sides, 50).ok
    }
    if (!ok) alarms += 1
  }
  assert.ok(alarms <= 1, `${alarms}`)
})

test('without owners there is no share and nothing odd', () => {
  assert.deepEqual(checkRatio({ queue: 0, direct: 0 }, 50), {
    ...{ owners: 0, expectedShare: 0.5, share: null, pValue: 1, ok: true },
  })
})
