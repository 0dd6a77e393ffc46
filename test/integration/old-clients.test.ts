/** The old system's client and its analysis server, as they were: no key, integer tokens, no signature, no versions. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { changeTo, newJob } from '../contracts/job-store-suite.ts'
import { answerTo, SECRET, startDirectSystem, startServer } from '../support/direct-system.ts'
import { getJson, OTHER_KEY, openTestPlaces, TEST_KEY } from '../support/system.ts'

const RECORDING = readFileSync(new URL('../../examples/recordings/queue-en.wav', import.meta.url))
const { places, env } = await openTestPlaces()
/** Answers as soon as it has the order, by the bare minimum that the old shape had. */
const server = await startServer(({ job_id, callback_url }, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"accepted"}')
  const body = { type: 'completed', job_id, result: { score: 81 } }
  void answerTo(callback_url, body, { signature: false }).catch(() => {})
})
const system = await startDirectSystem(places, {
  roles: ['api', 'forward', 'analyse', 'record', 'reconcile'],
  analysisServerUrl: server.url,
  env: {
    ...env,
    LEGACY_UPLOAD_OWNER: 'acme',
    LEGACY_INTEGER_TOKEN_IDS: 'true',
    WEBHOOK_ALLOW_UNSIGNED_FROM: '127.0.0.1,::1',
  },
  routeOf: ({ tokenId }) => (tokenId === '7' ? 'queue' : 'direct'),
})

function send(tokenId: string, headers: Record<string, string> = {}): Promise<Response> {
  const form = new FormData()
  form.append('file', new Blob([RECORDING], { type: 'audio/wav' }), 'take.wav')
  return fetch(`${system.url}/${tokenId}/upload-audio`, { method: 'POST', body: form, headers })
}

async function finished(jobId: unknown): Promise<Record<string, unknown>> {
  for (;;) {
    const { body } = await getJson(`${system.url}/v1/jobs/${jobId}?wait_s=25`)
    if (body.finished_at !== null) return body
  }
}

for (const [route, tokenId] of [
  ['direct', '42'],
  ['queue', '7'],
] as const) {
  test(`the existing client’s call works on the ${route} route, and its job comes to a result`, async () => {
    const response = await send(tokenId)
    assert.equal(response.status, 200)
    const answer = (await response.json()) as Record<string, unknown>
    for (const name of ['message', 'job_id', 'status']) assert.equal(typeof answer[name], 'string', name)
    const done = await finished(answer.job_id)
    assert.deepEqual([done.status, done.route, done.owner, done.token_id], ['completed', route, 'acme', tokenId])
    assert.equal((await getJson(`${system.url}/v1/jobs/${answer.job_id}/result`)).status, 200)
  })
}

test('the old server was given an integer token and the address for its answer', () => {
  const [order] = server.orders
  assert.deepEqual([server.orders.length, order?.token_id], [1, 42])
  assert.match(String(order?.callback_url), /\/webhooks\/analysis\?job_id=[0-9a-f-]{36}$/)
})

test('a key that is wrong is refused all the same, and one that is right decides whose the job is', async () => {
  assert.equal((await send('42', { authorization: 'Bearer wrong-key-of-somebody' })).status, 401)
  assert.equal((await send('42', { authorization: 'Basic YTpi' })).status, 401)
  // A session that does not hold is no missing one: it is looked at, and whose page sends it.
  assert.equal((await send('42', { cookie: 'tonewire_session=x' })).status, 403)
  const own = (await (await send('42', { authorization: `Bearer ${OTHER_KEY}` })).json()) as Record<string, unknown>
  assert.equal(own.owner, 'other')
})

test('without a key nothing else is let in', async () => {
  for (const path of ['/v1/jobs', '/v1/tokens', '/v1/events']) {
    assert.equal((await fetch(`${system.url}${path}`)).status, 401, path)
  }
  const form = new FormData()
  form.append('file', new Blob([RECORDING]), 'take.wav')
  assert.equal((await fetch(`${system.url}/v1/jobs`, { method: 'POST', body: form })).status, 401)
})

test('a signature that is there has to hold, also from an address that need not sign', async () => {
  const [order] = server.orders
  const refused = await answerTo(order?.callback_url, {}, { secret: `${SECRET} not` })
  assert.deepEqual([refused.status, refused.body.code], [401, 'signature-invalid'])
})

test('whatever old clients and servers still need is counted', async () => {
  const { text } = await system.metrics.render()
  for (const feature of ['upload-without-key', 'unsigned-webhook', 'integer-token-id']) {
    assert.match(text, new RegExp(`tonewire_legacy_use_total\\{feature="${feature}"\\} [1-9]`))
  }
})

test('an old server’s late answer to a first attempt leaves the second alone, whose own answer ends it', async () => {
  const { jobId } = await system.ports.jobs.create(newJob())
  for (const to of ['stored', 'forwarded', 'failed'] as const) await system.ports.jobs.advance([changeTo(jobId, to)])
  await system.ports.jobs.restart(jobId, 1)
  const [advanced] = await system.ports.jobs.advance([{ jobId, attempt: 2, to: 'forwarded' }])
  const body = { type: 'completed', job_id: jobId, result: { score: 81 } }
  const urlOf = (attempt: number) =>
    system.ports.analysisServer.callbackUrlOf(jobId, attempt)?.replace(/^.*(?=\/web)/, system.url)
  const tell = (attempt: number, fields = {}) => answerTo(urlOf(attempt), { ...body, ...fields }, { signature: false })
  assert.deepEqual([(await tell(1)).status, await system.ports.jobs.find(jobId)], [200, advanced?.job])
  const mixed = await tell(2, { attempt: 1 })
  assert.deepEqual([mixed.status, mixed.body.code], [422, 'message-invalid'])
  assert.deepEqual((await tell(2)).body, { status: 'completed' })
})

test('each of it is off by default', async () => {
  const strict = await startDirectSystem(places, { roles: ['api'], env, analysisServerUrl: server.url })
  const form = new FormData()
  form.append('file', new Blob([RECORDING]), 'take.wav')
  assert.equal((await fetch(`${strict.url}/42/upload-audio`, { method: 'POST', body: form })).status, 401)
  const unsigned = await answerTo(
    `${strict.url}/webhooks/analysis?job_id=${crypto.randomUUID()}`,
    {},
    { signature: false },
  )
  assert.deepEqual([unsigned.status, unsigned.body.code], [401, 'signature-invalid'])
  const before = server.orders.length
  const headers = { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'audio/wav' }
  await fetch(`${strict.url}/v1/jobs?token_id=43`, { method: 'POST', body: RECORDING, headers })
  while (server.orders.length === before) await new Promise(setImmediate)
  assert.equal(server.orders.at(-1)?.token_id, '43')
  await strict.stop()
})
