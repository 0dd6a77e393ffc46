import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { AppError } from '../../../src/domain/errors.ts'
import type { AnalysisRequest } from '../../../src/domain/messages.ts'
import type { AnswerSender, SentAnswer } from '../../../src/ports/cutover.ts'
import { toAnalysisOrder } from '../../../src/services/analysis-order.ts'
import { createOrderDesk, type OrderDeskOptions } from '../../../src/services/serve-orders.ts'
import { addJob, createFakePorts } from '../../support/fake-ports.ts'

const never = new AbortController().signal
const OPTIONS: OrderDeskOptions = { places: 1, most: 3, allowedPrefixes: [], backoff: { baseMs: 1, maxMs: 2 } }

function setUp(options: Partial<OrderDeskOptions> = {}, outcome: SentAnswer = 'taken') {
  const ports = createFakePorts()
  const sent: Record<string, unknown>[] = []
  const answers: AnswerSender = {
    mayCall: () => true,
    send: async (_url, body, signal) => {
      signal.throwIfAborted()
      sent.push(JSON.parse(body))
      return outcome
    },
  }
  const desk = createOrderDesk({ ...ports, answers }, { ...OPTIONS, ...options })
  const order = async (): Promise<AnalysisRequest> =>
    toAnalysisOrder(ports, await addJob(ports, 'stored'), 'http://api.test/webhooks/analysis')
  return { ports, desk, order, sent, ended: () => sent.filter(({ type }) => type !== 'progress') }
}

test('an order is analysed and answered once, also when it comes twice', async () => {
  const { desk, order, ended } = setUp()
  const one = await order()
  assert.deepEqual([desk.take(one), desk.take(one)], [true, true])
  await desk.settle(never)
  assert.deepEqual(
    ended().map(({ type, job_id, attempt }) => [type, job_id, attempt]),
    [['completed', one.job_id, 1]],
  )
})

test('above what it may hold it takes nothing, and goes on when an answer was sent', async () => {
  const { desk, order, ended } = setUp()
  const orders = [await order(), await order(), await order(), await order()]
  assert.deepEqual(
    orders.map((one) => desk.take(one)),
    [true, true, true, false],
  )
  await desk.settle(never)
  assert.equal(ended().length, 3)
  assert.equal(desk.take(orders[3]!), false, 'it is settled')
})

test('what cannot be analysed is answered as failed, with the reason', async () => {
  const { ports, desk, order, ended } = setUp()
  ports.analyser.next(async ({ recording }) => {
    await buffer(recording)
    throw new AppError('recording-undecodable', 'Not a recording')
  })
  desk.take(await order())
  desk.take({ ...(await order()), s3_audio_url: 's3://elsewhere/audio/acme/a.wav' })
  await desk.settle(never)
  const errors = ended().map(({ error }) => error as Record<string, unknown>)
  assert.deepEqual(
    errors.map(({ code, retryable }) => [code, retryable]),
    [
      ['recording-undecodable', false],
      ['message-invalid', false],
    ],
  )
})

test('an outage is tried through, and told as a failure that may be retried when it lasts', async () => {
  const { ports, desk, order, ended } = setUp()
  const orders = [await order(), await order()]
  const { get } = ports.objects
  let failures = 0
  ports.objects.get = async (...given) => {
    failures += 1
    // The first order meets two, the second one no end of them.
    if (failures === 3) return get(...given)
    throw new AppError('storage-unavailable', 'away')
  }
  for (const one of orders) desk.take(one)
  await desk.settle(never)
  const [first, second] = ended()
  assert.equal(first?.type, 'completed')
  const error = second?.error as Record<string, unknown>
  assert.deepEqual([second?.type, error.code, error.retryable, failures], ['failed', 'storage-unavailable', true, 6])
})

test('a result too large for a message lies under the job’s own place, and the answer says where', async () => {
  const { ports, desk, order, ended } = setUp()
  ports.analyser.next(async ({ recording }) => {
    await buffer(recording)
    return { durationS: 9, result: JSON.stringify({ text: 'x'.repeat(70_000) }) }
  })
  const one = await order()
  desk.take(one)
  await desk.settle(never)
  const key = ports.objects.keyOf(String(ended()[0]?.result_s3_url))
  assert.equal(key, `results/acme/${one.job_id}/1.json`)
  assert.ok(ports.objects.objects.has(key!))
})

test('progress is told on the way, and none after the answer', async () => {
  const { ports, desk, order, sent } = setUp({ progressIntervalMs: 0 })
  ports.analyser.next(async ({ recording, onProgress }) => {
    await buffer(recording)
    onProgress(0.5, 'Tracking pitch')
    return { durationS: 1, result: '{"version":1}' }
  })
  desk.take(await order())
  await desk.settle(never)
  assert.deepEqual(
    sent.map(({ type, progress }) => [type, progress]),
    [
      ['progress', 80],
      ['completed', undefined],
    ],
  )
})

test('a stop finishes what is held; when its time is over, that is broken off and nothing is answered', async () => {
  const { ports, desk, order, ended } = setUp()
  ports.analyser.next(
    ({ signal, recording }) =>
      new Promise((_, reject) => {
        recording.resume()
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      }),
  )
  desk.take(await order())
  desk.take(await order())
  const release = new AbortController()
  const settled = desk.settle(release.signal)
  release.abort(new Error('the budget is over'))
  await settled
  assert.deepEqual(ended(), [])
})
