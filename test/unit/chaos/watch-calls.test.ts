import assert from 'node:assert/strict'
import { test } from 'node:test'
import { watchCalls } from '../../../scripts/chaos/watch-calls.ts'

type Handler = (message: string) => Promise<void>

function createPorts(steps: string[]) {
  return {
    jobs: {
      find: async (id: string) => {
        steps.push(`find ${id}`)
        return id
      },
      check: async () => Promise.reject(new Error('away')),
      list: async (ids: string[]) => ids,
    },
    objects: { urlOf: (key: string) => `s3://${key}` },
    queue: {
      consume: async (handler: Handler) => {
        await handler('a')
        steps.push('deleted')
      },
    },
    analyser: { mode: 'robust' },
    log: { info: () => steps.push('logged') },
  }
}

function createWatched() {
  const steps: string[] = []
  const watched = watchCalls(createPorts(steps), {
    before: (call) => steps.push(`before ${call}`),
    after: (call, foundNothing) => steps.push(`after ${call}${foundNothing ? ', nothing' : ''}`),
  })
  return { steps, ports: watched }
}

test('a call is told before it is made, and again when it settled, before its caller hears of it', async () => {
  const { steps, ports } = createWatched()
  assert.equal(await ports.jobs.find('x').then((id) => steps.push('heard') && id), 'x')
  assert.deepEqual(steps, ['before jobs.find', 'find x', 'after jobs.find', 'heard'])
})

test('a call that fails is told, and fails', async () => {
  const { steps, ports } = createWatched()
  await assert.rejects(ports.jobs.check(), /away/)
  assert.deepEqual(steps, ['before jobs.check', 'after jobs.check'])
})

test('a call that finds nothing is told as such', async () => {
  const { steps, ports } = createWatched()
  assert.deepEqual([await ports.jobs.list(['x']), await ports.jobs.list([])], [['x'], []])
  const list = ['before jobs.list', 'after jobs.list']
  assert.deepEqual(steps, [...list, ...list.with(1, 'after jobs.list, nothing')])
})

test('a call that answers at once is told', () => {
  const { steps, ports } = createWatched()
  assert.equal(ports.objects.urlOf('k'), 's3://k')
  assert.deepEqual(steps, ['before objects.urlOf', 'after objects.urlOf'])
})

test('after what a consumer runs, and before its message is deleted, is a place of its own', async () => {
  const { steps, ports } = createWatched()
  await ports.queue.consume(async () => void steps.push('handled'))
  assert.deepEqual(steps, ['before queue.handler', 'handled', 'after queue.handler', 'deleted'])
})

test('what is not a call goes through, and what has no effect outside is not told', () => {
  const { steps, ports } = createWatched()
  assert.equal(ports.analyser.mode, 'robust')
  ports.log.info()
  assert.deepEqual(steps, ['logged'])
})
