import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createUuidV7 } from '../../../src/domain/ids.ts'
import { recordingKey } from '../../../src/domain/object-keys.ts'
import { sweepObjects } from '../../../src/services/sweep-objects.ts'
import { addJob, createFakePorts } from '../../support/fake-ports.ts'

const DAY_MS = 86_400_000
const rules = { intervalS: 3600, graceS: 86_400 }

/** Everything about the ports, the rows' clock two days ahead of the objects'. */
function createAgedPorts() {
  return createFakePorts({ now: () => Date.now() + 2 * DAY_MS })
}

async function addOrphan({ objects }: Pick<ReturnType<typeof createFakePorts>, 'objects'>): Promise<string> {
  const key = recordingKey('acme', createUuidV7(Date.now()), '.wav', new Date())
  await objects.putBytes(key, Buffer.from('x'), 'audio/wav')
  return key
}

test('an old object without a row goes, a young one and every one with a row stays', async () => {
  const young = createFakePorts()
  const orphan = await addOrphan(young)
  await sweepObjects(young, rules)
  assert.ok(young.objects.objects.has(orphan))
  const old = createAgedPorts()
  const gone = await addOrphan(old)
  const { objectKey } = await addJob(old, 'completed')
  await sweepObjects(old, rules)
  assert.deepEqual([...old.objects.objects.keys()], [objectKey])
  assert.ok(!old.objects.objects.has(gone))
  assert.equal(old.metrics.counted('swept', { kind: 'audio' }), 1)
})

test('a pass does a bounded piece, and the next goes on behind it', async () => {
  const ports = createAgedPorts()
  for (let i = 0; i < 5; i += 1) await addOrphan(ports)
  const bounded = { ...rules, pageSize: 1, pagesPerPass: 2 }
  const left: number[] = []
  for (let pass = 0; pass < 3; pass += 1) {
    await sweepObjects(ports, bounded)
    left.push(ports.objects.objects.size)
  }
  assert.deepEqual(left, [3, 1, 0])
})

test('nothing is deleted while the rows cannot be asked', async () => {
  const ports = createAgedPorts()
  const orphan = await addOrphan(ports)
  const findUnneeded = () => Promise.reject(new Error('the answer broke off'))
  await sweepObjects({ ...ports, sweeps: { ...ports.sweeps, findUnneeded } }, rules)
  assert.ok(ports.objects.objects.has(orphan))
  assert.equal(ports.metrics.counted('swept', { kind: 'audio-error' }), 1)
})

test('an unfinished job whose recording is gone fails with object-not-found, and its owner is told', async () => {
  const ports = createAgedPorts()
  const lost = await addJob(ports, 'queued')
  const kept = await addJob(ports, 'forwarded')
  for (const { jobId } of [lost, kept]) await ports.jobs.age(jobId, 3600)
  await ports.objects.delete(lost.objectKey)
  await sweepObjects(ports, rules)
  const row = await ports.jobs.find(lost.jobId)
  assert.deepEqual([row?.status, row?.error?.code, row?.error?.retryable], ['failed', 'object-not-found', false])
  assert.equal((await ports.jobs.find(kept.jobId))?.status, 'forwarded')
  assert.deepEqual(
    ports.progress.entries.map(({ event }) => [event.jobId, event.status]),
    [[lost.jobId, 'failed']],
  )
})

test('no job fails while the store is away', async () => {
  const ports = createAgedPorts()
  const { jobId, objectKey } = await addJob(ports, 'queued')
  await ports.jobs.age(jobId, 3600)
  await ports.objects.delete(objectKey)
  ports.objects.setDown(true)
  await sweepObjects(ports, rules)
  assert.equal((await ports.jobs.find(jobId))?.status, 'queued')
})
