import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TOPOLOGY } from '../../../infra/topology.ts'
import { AppError, type ErrorCode } from '../../../src/domain/errors.ts'
import type { ReceivedMessage } from '../../../src/ports.ts'
import { analyseRecording } from '../../../src/services/analyse-recording.ts'
import { addJob, createFakePorts, type FakePorts } from '../../support/fake-ports.ts'
import { hopsOf } from '../../support/hops.ts'
import { messageFor } from '../../support/orders.ts'

const { maxReceiveCount } = TOPOLOGY.analysisQueue

/** An order of a job, as it comes at this receive. */
async function orderAt(ports: FakePorts, receiveCount: number): Promise<ReceivedMessage> {
  return { ...messageFor(await addJob(ports, 'analysing', { owner: 'acme' })), receiveCount }
}

for (const receiveCount of [maxReceiveCount - 1, maxReceiveCount]) {
  test(`at receive ${receiveCount} of ${maxReceiveCount} an order that an outage keeps back is sent anew and acknowledged`, async () => {
    const ports = createFakePorts()
    const job = await addJob(ports, 'analysing')
    ports.objects.setDown(true)
    const order = { ...messageFor(job), receiveCount }
    await analyseRecording(ports, order)
    assert.deepEqual(
      ports.analysisQueue.sent.map(({ body, groupId }) => [body, groupId]),
      [[order.body, 'acme']],
    )
    const hops = await hopsOf(ports, job)
    assert.deepEqual(hops, ['analyse received 1', 'analyse renewed 1 (storage-unavailable)'])
  })
}

test('an order that has receives to spare is thrown back, outage or not', async () => {
  const ports = createFakePorts()
  const order = await orderAt(ports, maxReceiveCount - 2)
  ports.objects.setDown(true)
  await assert.rejects(analyseRecording(ports, order), { code: 'storage-unavailable' })
  assert.deepEqual(ports.analysisQueue.sent, [])
})

test('a database that takes no writes, a results queue that takes nothing and a lost ffmpeg count as outages', async () => {
  for (const breakIt of [
    (ports: FakePorts) => ports.jobs.setDown(true),
    (ports: FakePorts) => ports.resultQueue.setDown(true),
    ({ analyser }: FakePorts) => analyser.next(() => Promise.reject(new AppError('not-ready', 'No ffmpeg'))),
  ]) {
    const ports = createFakePorts()
    const order = await orderAt(ports, maxReceiveCount)
    breakIt(ports)
    await analyseRecording(ports, order)
    assert.equal(ports.analysisQueue.sent.length, 1)
  }
})

test('an order that a stopping process gives back does not use up its last receives', async () => {
  const ports = createFakePorts()
  const stopped = AbortSignal.abort(new AppError('shutting-down', 'Stopping'))
  const order = { ...(await orderAt(ports, maxReceiveCount)), signal: stopped }
  await analyseRecording(ports, order)
  assert.equal(ports.analysisQueue.sent[0]?.body, order.body)
})

for (const code of ['internal', 'analysis-failed'] satisfies ErrorCode[]) {
  test(`a fault of our own (${code}) is never sent anew`, async () => {
    const ports = createFakePorts()
    const order = await orderAt(ports, maxReceiveCount)
    ports.analyser.next(() => Promise.reject(new AppError(code, 'The thread died')))
    await assert.rejects(analyseRecording(ports, order), { code })
    assert.deepEqual(ports.analysisQueue.sent, [])
  })
}

test('with the orders’ own queue away too the order is thrown back by what kept it', async () => {
  const ports = createFakePorts()
  const order = await orderAt(ports, maxReceiveCount)
  ports.objects.setDown(true)
  ports.analysisQueue.setDown(true)
  await assert.rejects(analyseRecording(ports, order), { code: 'storage-unavailable' })
})

test('an outage that the probe does not see makes no dead letter however long it lasts, and the job completes after it', async () => {
  const ports = createFakePorts()
  const stopping = new AbortController()
  await ports.analysisQueue.send([{ body: (await orderAt(ports, 1)).body, groupId: 'acme' }])
  ports.objects.setDown(true)
  let receives = 0
  const handler = async (message: ReceivedMessage) => {
    receives += 1
    if (receives === 10 * maxReceiveCount) ports.objects.setDown(false)
    await analyseRecording(ports, message)
    if (ports.resultQueue.sent.length > 0) stopping.abort()
  }
  await ports.analysisQueue.consume(handler, { concurrency: 1, signal: stopping.signal, probe: async () => {} })
  assert.deepEqual(ports.analysisQueue.dead, [])
  assert.equal(JSON.parse(ports.resultQueue.sent[0]?.body ?? '{}').type, 'completed')
})
