import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reconcile } from '../../../src/services/reconcile.ts'
import { createClockedPorts } from '../../support/clocked-ports.ts'
import { addJob, type FakePorts } from '../../support/fake-ports.ts'

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

/** How often the job was sent again by now, other messages waiting in the queue all the while. */
const sentAgain = (ports: FakePorts): number => ports.metrics.counted('reconciled', { action: 'sent' })

for (const status of ['forwarded', 'analysing'] as const) {
  test(`a ${status} job is sent again once the queue cannot hold its order any more, though others wait there`, async () => {
    const { ports, passTime } = createClockedPorts()
    const rules = { ...RULES, maxAgeS: 10 * RULES.maxAgeS, retentionS: RULES.maxAgeS }
    await addJob(ports, status)
    await ports.analysisQueue.send([{ body: 'another', groupId: 'acme' }])
    const lookEverySoOften = async (untilS: number) => {
      for (let s = 0; s < untilS; s += 600, passTime(600)) await reconcile(ports, rules)
    }
    await lookEverySoOften(rules.retentionS)
    assert.equal(sentAgain(ports), 0)
    await lookEverySoOften(rules.retentionS)
    const once = sentAgain(ports)
    assert.ok(once >= 1 && once <= 3, `${once} times`)
    await lookEverySoOften(rules.retentionS)
    const twice = sentAgain(ports)
    assert.ok(twice > once && twice <= 6, `${twice} times`)
  })
}

test('a pass that is stopped sees to what it was handed and asks for nothing more', async () => {
  const { ports, passTime } = createClockedPorts()
  for (let i = 0; i < 201; i++) await addJob(ports, 'stored')
  const stopping = new AbortController()
  passTime(RULES.waitingS)
  const { claimStalled } = ports.jobs
  const jobs = {
    ...ports.jobs,
    claimStalled: (rules: Parameters<typeof claimStalled>[0]) => {
      stopping.abort()
      return claimStalled(rules)
    },
  }
  await reconcile({ ...ports, jobs }, { ...RULES, signal: stopping.signal })
  assert.equal(ports.jobQueue.waiting.length, 200)
})

test('a pass that is stopped ends no more jobs that are too old', async () => {
  const { ports, passTime } = createClockedPorts()
  for (let i = 0; i < 3; i++) await addJob(ports, 'stored')
  passTime(RULES.maxAgeS)
  await reconcile(ports, { ...RULES, signal: AbortSignal.abort() })
  assert.deepEqual(
    [...ports.jobs.rows.values()].map(({ job }) => job.status),
    ['stored', 'stored', 'stored'],
  )
})
