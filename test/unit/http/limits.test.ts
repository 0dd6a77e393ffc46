import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify from 'fastify'
import { AppError } from '../../../src/domain/errors.ts'
import type { Identity } from '../../../src/http/auth.ts'
import { registerLimits, registerUploadLimits } from '../../../src/http/limits.ts'
import { sendProblem } from '../../../src/http/problems.ts'
import type { Limits } from '../../../src/ports/limits.ts'
import { SLOW_RULES } from '../../contracts/limits.ts'
import { createFakeLimits } from '../../fakes/fake-limits.ts'
import { createFakePorts } from '../../support/fake-ports.ts'

const IDENTITY: Identity = { owner: 'acme', role: 'user', keyId: null, expiresAt: null, isLive: async () => true }

/** The limits in memory, and which of their functions were called. */
function createToldLimits() {
  const limits = createFakeLimits(SLOW_RULES)
  const calls: string[] = []
  const told: Limits = {
    ...limits,
    take: (...args) => {
      calls.push('take')
      return limits.take(...args)
    },
    enter: (...args) => {
      calls.push('enter')
      return limits.enter(...args)
    },
  }
  const left = async () => ({
    requests: (await limits.take('acme', { requests: 0 })).remaining,
    bytes: (await limits.take('acme', { bytes: 0 })).remaining,
  })
  return { limits, told, calls, left }
}

/** An app with one route that is an upload, which refuses a body announced as `text/plain`, and one that is none. */
async function startApp(t: TestContext, { unfinished = 0 }: { unfinished?: number } = {}) {
  const { limits, told, calls, left } = createToldLimits()
  const { jobs } = createFakePorts()
  const counts: string[] = []
  const countUnfinished = async (owner: string) => {
    counts.push(owner)
    return unfinished
  }
  const app = Fastify().withTypeProvider<TypeBoxTypeProvider>()
  app.setErrorHandler(sendProblem)
  app.decorateRequest('identity', null)
  app.addHook('onRequest', async (request) => {
    request.identity = IDENTITY
  })
  registerLimits(app, { limits: told })
  app.get('/read', async () => 'read')
  await app.register(async (scope) => {
    const ports = { limits: told, jobs: { ...jobs, countUnfinished } }
    registerUploadLimits(scope, { ports, maxUnfinishedJobs: 2 }, ({ headers }) => {
      if (headers['content-type'] === 'text/plain') throw new AppError('upload-type-unsupported', 'No text')
    })
    scope.post('/upload', async () => 'uploaded')
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  t.after(() => app.close())
  const send = async (contentType = 'application/json') => {
    const headers = { 'content-type': contentType }
    const answer = await fetch(`${url}/upload`, { method: 'POST', headers, body: '"0123456789"' })
    const text = await answer.text()
    const code = answer.ok ? text : (JSON.parse(text) as { code: string }).code
    return { status: answer.status, code, headers: answer.headers }
  }
  return { url, limits, calls, counts, left, send }
}

test('an upload asks the limits once, and tells of its request', async (t) => {
  const { calls, left, send } = await startApp(t)
  const { status, headers } = await send()
  assert.deepEqual([status, headers.get('ratelimit-limit'), headers.get('ratelimit-remaining')], [200, '50', '49'])
  assert.equal(headers.get('ratelimit-policy'), '50;w=50000')
  assert.deepEqual(calls, ['enter'])
  assert.deepEqual(await left(), { requests: 49, bytes: 988 })
})

test('whatever is no upload takes its request as ever', async (t) => {
  const { url, calls } = await startApp(t)
  const answer = await fetch(`${url}/read`)
  assert.deepEqual([answer.status, answer.headers.get('ratelimit-remaining')], [200, '49'])
  assert.deepEqual(calls, ['take'])
})

test('an upload refused for what it announces costs its request and no bytes', async (t) => {
  const { limits, calls, left, send } = await startApp(t)
  const refused = await send('text/plain')
  assert.deepEqual([refused.status, refused.code], [415, 'upload-type-unsupported'])
  assert.equal(refused.headers.get('ratelimit-remaining'), '49')
  assert.deepEqual(calls, ['take'])
  assert.deepEqual(await left(), { requests: 49, bytes: 1000 })
  await limits.take('acme', { requests: 49 })
  const late = await send('text/plain')
  assert.deepEqual([late.status, late.code], [429, 'rate-limited'])
})

test('an upload too many of unfinished jobs costs its request, no bytes and no place', async (t) => {
  const { left, send } = await startApp(t, { unfinished: 2 })
  for (let sent = 1; sent <= 3; sent += 1) {
    const refused = await send()
    assert.deepEqual([refused.status, refused.code], [429, 'too-many-jobs'])
    assert.deepEqual(await left(), { requests: 50 - sent, bytes: 1000 })
  }
})

test('an upload beyond the owner’s requests does not reach the database', async (t) => {
  const { limits, calls, counts, send } = await startApp(t)
  await limits.take('acme', { requests: 50 })
  const refused = await send()
  assert.deepEqual([refused.status, refused.code], [429, 'rate-limited'])
  assert.equal(refused.headers.get('ratelimit-remaining'), '0')
  assert.ok(Number(refused.headers.get('retry-after')) > 900)
  assert.deepEqual([calls, counts], [['enter'], []])
})

test('an upload refused for its bytes or for want of a place costs its request, and says when to come back', async (t) => {
  const { limits, left, send } = await startApp(t)
  for (const _ of [1, 2]) await limits.enter('acme', { requests: 0, bytes: 0 })
  const crowded = await send()
  assert.deepEqual([crowded.status, crowded.code], [429, 'too-many-uploads'])
  assert.deepEqual([crowded.headers.get('retry-after'), crowded.headers.get('ratelimit-remaining')], ['2', '49'])
  assert.deepEqual(await left(), { requests: 49, bytes: 1000 })
  await limits.take('acme', { bytes: 1000 })
  const empty = await send()
  assert.deepEqual([empty.status, empty.code], [429, 'rate-limited'])
  assert.ok(Number(empty.headers.get('retry-after')) > 900)
  assert.deepEqual([empty.headers.get('ratelimit-limit'), empty.headers.get('ratelimit-remaining')], ['50', '48'])
})
