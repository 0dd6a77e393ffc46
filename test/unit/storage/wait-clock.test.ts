import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createWaitClock } from '../../../src/storage/wait-clock.ts'

const never = new Promise<never>(() => {})

describe('waiting for S3', () => {
  test('is bounded for one wait', async () => {
    await assert.rejects(createWaitClock({ idleMs: 5, totalMs: 60_000 }).wait(never), /within the time allowed/)
  })

  test('is bounded for all waits together, of which only the waiting counts', async () => {
    const clock = createWaitClock({ idleMs: 60_000, totalMs: 20 })
    await assert.rejects(clock.wait(never), /within the time allowed/)
    await assert.rejects(clock.wait(never), /within the time allowed/)
  })

  test('gives what came in time, also a failure', async () => {
    const clock = createWaitClock()
    assert.equal(await clock.wait(Promise.resolve(1)), 1)
    await assert.rejects(clock.wait(Promise.reject(new Error('own'))), /own/)
  })
})
