import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BUCKETS, bucketOf, decideRoute, isIn, parseShare } from '../../../src/domain/cutover.ts'

const OWNERS = 100_000
/** Of `acme`, `42`, an address, an id of an identity provider, and `a`. */
const KNOWN = [5288, 4044, 6331, 8065, 3306]
/** How owners are named by companies and identity providers. */
const SHAPES: Readonly<Record<string, (i: number) => string>> = {
  'whole numbers': (i) => String(i),
  'large numbers in steps': (i) => String(100_000_000 + i * 1000),
  addresses: (i) => `learner.${i}@school-${i % 37}.example`,
  'ids of an identity provider': (i) => `auth0|${(i * 2_654_435_761).toString(16).padStart(24, '0')}`,
  'names with a prefix': (i) => `tenant-eu-west-1-customer-${i}`,
}
/** Of chi-square with 99 degrees of freedom: one in a thousand lies above, and one in a thousand below. */
const CHI_SQUARE_99 = { low: 61.1, high: 148.2 }

describe('the bucket of an owner', () => {
  test('is the same for ever: these were written down', () => {
    const known = ['acme', '42', 'learner@school.example', 'auth0|5f7c8ec7c33c6c004bbafe82', 'a'].map(bucketOf)
    assert.deepEqual(known, KNOWN)
  })

  test('lies in 0–9999 for any text', () => {
    const texts = [
      '',
      ' ',
      '\0',
      'é',
      '学',
      '🎧'.repeat(1000),
      '\ud800',
      '__proto__',
      ...Array.from({ length: 500 }, randomText),
    ]
    for (const text of texts) {
      const bucket = bucketOf(text)
      assert.ok(Number.isInteger(bucket) && bucket >= 0 && bucket < BUCKETS, JSON.stringify(text))
    }
  })

  for (const [shape, name] of Object.entries(SHAPES)) {
    test(`spreads ${shape} evenly: chi-square over 100 bins, and the share at each percentage`, () => {
      const buckets = Array.from({ length: OWNERS }, (_, i) => bucketOf(name(i)))
      const counts = new Array<number>(100).fill(0)
      for (const bucket of buckets) counts[Math.floor(bucket / 100)]! += 1
      const expected = OWNERS / counts.length
      const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
      assert.ok(chiSquare > CHI_SQUARE_99.low && chiSquare < CHI_SQUARE_99.high, `chi-square ${chiSquare}`)
      for (const percent of [0.1, 1, 10, 50, 80, 99]) {
        const share = buckets.filter((bucket) => bucket < percent * 100).length / OWNERS
        const deviation = Math.sqrt(((percent / 100) * (1 - percent / 100)) / OWNERS)
        assert.ok(Math.abs(share - percent / 100) < 3.5 * deviation, `${percent} %: ${share}`)
      }
    })
  }
})

function randomText(_: unknown, seed: number): string {
  return String.fromCharCode(
    ...Array.from({ length: 1 + (seed % 40) }, (_each, i) => (seed * 7919 + i * 104_729) % 0xffff),
  )
}

test('whoever is in at a percentage is in at every higher one, in every step of 0.01', () => {
  for (const owner of Array.from({ length: 20 }, randomText)) {
    const steps = Array.from({ length: BUCKETS + 1 }, (_, n) => isIn(owner, n / 100))
    const entered = steps.indexOf(true)
    assert.ok(entered > 0 && steps.slice(entered).every(Boolean), owner)
  }
})

test('nobody is in at 0 %, everybody at 100 %, and each hundredth of a per cent takes one more bucket', () => {
  const owners = Array.from({ length: 2000 }, (_, i) => `owner-${i}`)
  assert.ok(owners.every((owner) => !isIn(owner, 0) && isIn(owner, 100)))
  for (const owner of owners) {
    const bucket = bucketOf(owner)
    assert.deepEqual([isIn(owner, bucket / 100), isIn(owner, (bucket + 1) / 100)], [false, true], owner)
  }
})

test('the deny list wins over the allow list, and both over the percentage', () => {
  const rules = { percent: 0, allow: ['both', 'in'], deny: ['both', 'out'] }
  assert.deepEqual(decideRoute('both', rules), { route: 'direct', reason: 'denied' })
  assert.deepEqual(decideRoute('in', rules), { route: 'queue', reason: 'allowed' })
  assert.deepEqual(decideRoute('out', { ...rules, percent: 100 }), { route: 'direct', reason: 'denied' })
  assert.deepEqual(decideRoute('other', { ...rules, percent: 100 }), { route: 'queue', reason: 'percentage' })
  assert.deepEqual(decideRoute('other', rules), { route: 'direct', reason: 'percentage' })
})

test('a share is read as the environment has it, and nothing else is one', () => {
  const read = ['true', 'false', '0', '100', '12.5', '99.99%', '7 %', '101', '-1', '1e2', '', 'TRUE', '0.001'].map(
    parseShare,
  )
  const none = undefined
  assert.deepEqual(read, [100, 0, 0, 100, 12.5, 99.99, none, none, none, none, none, none, none])
})
