import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { createPace } from '../../../src/services/pace.ts'

/** Runs with a clock of its own, so that nothing has to be waited for. */
function withClock(run: (passS: (seconds: number) => void) => void): void {
  mock.timers.enable({ apis: ['setTimeout'] })
  let nowMs = 0
  const clock = mock.method(performance, 'now', () => nowMs)
  try {
    run((seconds) => {
      nowMs += seconds * 1000
      mock.timers.tick(seconds * 1000)
    })
  } finally {
    clock.mock.restore()
    mock.timers.reset()
  }
}

function createCountedPace() {
  const slow: number[] = []
  return { pace: createPace({ stallS: 10, minBytesPerS: 100 }, () => slow.push(1)), slow }
}

test('a silence of the limit is too slow, and one a little shorter is not', () => {
  withClock((passS) => {
    const { pace, slow } = createCountedPace()
    pace.waiting()
    passS(9.9)
    assert.equal(slow.length, 0)
    passS(0.1)
    assert.equal(slow.length, 1)
  })
})

test('the clock stands still while nobody waits for the sender', () => {
  withClock((passS) => {
    const { pace, slow } = createCountedPace()
    pace.waiting()
    passS(9)
    pace.received(0)
    passS(1000)
    pace.waiting()
    passS(0.9)
    assert.equal(slow.length, 0)
    passS(0.1)
    assert.equal(slow.length, 1)
  })
})

test('bytes earn time, but never more than there was at the beginning', () => {
  withClock((passS) => {
    const { pace, slow } = createCountedPace()
    pace.waiting()
    passS(9)
    pace.received(1_000_000)
    pace.waiting()
    passS(9.9)
    assert.equal(slow.length, 0)
    passS(0.1)
    assert.equal(slow.length, 1)
  })
})

test('a sender below the rate is too slow in the end, and one at the rate never is', () => {
  withClock((passS) => {
    const trickle = (bytesPerS: number, seconds: number): number => {
      const { pace, slow } = createCountedPace()
      for (let second = 0; second < seconds && slow.length === 0; second++) {
        pace.waiting()
        passS(1)
        pace.received(bytesPerS)
      }
      return slow.length
    }
    assert.equal(trickle(100, 1000), 0)
    assert.equal(trickle(90, 1000), 1)
  })
})
