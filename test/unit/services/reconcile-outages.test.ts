import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reconcile } from '../../../src/services/reconcile.ts'
import { createClockedPorts } from '../../support/clocked-ports.ts'
import { addJob } from '../../support/fake-ports.ts'

const RULES = { waitingS: 60, inFlightS: 300, maxAgeS: 86_400 }

test('with the queue away a stored job stays stored, and a later pass adds it', async () => {
  const { ports, passTime } = createClockedPorts()
  const job = await addJob(ports, 'stored')
  ports.jobQueue.setDown(true)
  passTime(RULES.waitingS)
  await reconcile(ports, RULES)
  assert.deepEqual(await ports.jobs.find(job.jobId), job)
  ports.jobQueue.setDown(false)
  passTime(RULES.waitingS * 2)
  await reconcile(ports, RULES)
  assert.equal((await ports.jobs.find(job.jobId))?.status, 'queued')
  assert.equal(ports.jobQueue.waiting.length, 1)
})

test('however long Redis was away, what waited is added in the first pass after it', async () => {
  const { ports, passTime } = createClockedPorts()
  const job = await addJob(ports, 'stored')
  ports.progress.setDown(true)
  ports.jobQueue.setDown(true)
  for (let pass = 0; pass < 100; pass += 1) {
    passTime(RULES.waitingS)
    await reconcile(ports, RULES)
  }
  ports.progress.setDown(false)
  ports.jobQueue.setDown(false)
  await reconcile(ports, RULES)
  assert.equal((await ports.jobs.find(job.jobId))?.status, 'queued')
})
