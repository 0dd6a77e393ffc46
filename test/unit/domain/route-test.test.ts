import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRandom } from '../../../scripts/bench/random.ts'
import { binomialAtMost, lnGamma, upperShare } from '../../../src/domain/binomial.ts'
import type { Route } from '../../../src/domain/job.ts'
import { alphaOf, evidenceOfFailures, evidenceOfShare, wealthOfFailures } from '../../../src/domain/route-test.ts'

/** Every sequence of so many first failures, with how likely it is when the queue has this share of the owners. */
function* sequences(length: number, share: number): Generator<{ failures: Route[]; chance: number }> {
  for (let bits = 0; bits < 2 ** length; bits += 1) {
    const failures = Array.from({ length }, (_, i): Route => ((bits >> i) & 1 ? 'queue' : 'direct'))
    const onQueue = failures.filter((route) => route === 'queue').length
    yield { failures, chance: share ** onQueue * (1 - share) ** (length - onQueue) }
  }
}

const SHARES = [0.01, 0.1, 0.5, 0.8, 0.99]

test('if the route changes nothing a bet is worth 1 on average, after any number of failures', () => {
  for (const share of SHARES) {
    for (const length of [1, 2, 7, 12]) {
      let mean = 0
      for (const { failures, chance } of sequences(length, share)) {
        mean += chance * wealthOfFailures(failures, share).at(-1)!
      }
      assert.ok(Math.abs(mean - 1) < 1e-9, `${share} ${length}: ${mean}`)
    }
  }
})

test('over all its looks together evidence of 1/α is reached by chance with α at most, counted out', () => {
  for (const share of SHARES) {
    for (const alpha of [0.5, 0.2, 0.05, 0.01]) {
      let reached = 0
      for (const { failures, chance } of sequences(14, share)) {
        if (evidenceOfFailures(failures, share) >= 1 / alpha) reached += chance
      }
      assert.ok(reached <= alpha, `${share} ${alpha}: ${reached}`)
    }
  }
})

test('against a share of failures too, counted out', () => {
  for (const p0 of [0.02, 0.1, 0.3]) {
    for (const alpha of [0.2, 0.05, 0.01]) {
      let reached = 0
      for (const { failures, chance } of sequences(14, p0)) {
        const failed = failures.map((route) => route === 'queue')
        if (evidenceOfShare(failed, p0) >= 1 / alpha) reached += chance
      }
      assert.ok(reached <= alpha, `${p0} ${alpha}: ${reached}`)
    }
  }
})

test('a fault that begins after a thousand good owners is found about as fast as one at the start', () => {
  const bad = Array.from({ length: 120 }, (_, i) => i % 5 === 0)
  const good = Array.from({ length: 1000 }, (_, i) => i % 50 === 0)
  for (const failed of [bad, [...good, ...bad, ...bad]]) assert.ok(evidenceOfShare(failed, 0.04) > 1000)
  assert.ok(evidenceOfShare(good, 0.04) < 10)
})

test('evidence is a number however clear it is', () => {
  assert.equal(
    evidenceOfFailures(
      Array.from({ length: 20_000 }, () => 'queue'),
      0.01,
    ),
    1e300,
  )
  assert.equal(
    evidenceOfShare(
      Array.from({ length: 20_000 }, () => true),
      0.01,
    ),
    1e300,
  )
})

test('the same holds for thousands of failures, drawn, and against a share of failures', () => {
  const random = createRandom(7)
  const draws = (p: number) => Array.from({ length: 2000 }, () => random.next() < p)
  const alpha = 0.05
  const reachedBy = (evidence: (hits: boolean[]) => number, p: number) =>
    Array.from({ length: 400 }, () => evidence(draws(p))).filter((most) => most >= 1 / alpha).length / 400
  const toRoutes = (hits: boolean[]) => hits.map((isHit): Route => (isHit ? 'queue' : 'direct'))
  for (const p of [0.02, 0.2, 0.5]) {
    // Three standard errors of 400 draws above α.
    assert.ok(reachedBy((hits) => evidenceOfFailures(toRoutes(hits), p), p) < 0.083)
    assert.ok(reachedBy((hits) => evidenceOfShare(hits, p), p) < 0.083)
  }
})

test('evidence once found is not lost by what comes after it', () => {
  const failures: Route[] = Array.from({ length: 30 }, () => 'queue')
  const found = evidenceOfFailures(failures, 0.5)
  assert.ok(found > 1e4)
  assert.equal(evidenceOfFailures([...failures, ...failures.map((): Route => 'direct')], 0.5), found)
})

test('where there is nothing to compare there is no evidence', () => {
  assert.equal(evidenceOfFailures([], 0.5), 1)
  for (const share of [0, 1]) assert.equal(evidenceOfFailures(['queue', 'direct'], share), 1)
  for (const p0 of [0, 1]) assert.equal(evidenceOfShare([true, true], p0), 1)
})

test('all windows of all steps together have the chance of a false alarm that the whole may have', () => {
  let sum = 0
  for (let window = 1; window <= 100_000; window += 1) sum += 5 * alphaOf(window, 5, 0.01)
  assert.ok(sum <= 0.01 && sum > 0.0099, `${sum}`)
})

test('the functions behind it agree with tables', () => {
  assert.ok(Math.abs(lnGamma(10) - Math.log(362_880)) < 1e-12)
  assert.ok(Math.abs(lnGamma(0.5) - Math.log(Math.sqrt(Math.PI))) < 1e-12)
  assert.ok(Math.abs(binomialAtMost(2, 10, 0.5) - 56 / 1024) < 1e-12)
  assert.ok(Math.abs(binomialAtMost(500, 1000, 0.5) - 0.512_612) < 1e-5)
  // Of none in 300 the bound of 99.5 % is 1 − 0.005^(1/300); of 10 in 100 that of 97.5 % is 0.17622.
  assert.ok(Math.abs(upperShare(0, 300, 0.995) - (1 - 0.005 ** (1 / 300))) < 1e-9)
  assert.ok(Math.abs(upperShare(10, 100, 0.975) - 0.176_22) < 1e-5)
  assert.deepEqual([upperShare(0, 0, 0.9), upperShare(5, 5, 0.9)], [1, 1])
})
