import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { createArrivals } from '../contracts/arrivals.ts'
import { startProcess } from '../support/processes.ts'
import { toneWav } from '../support/recordings.ts'
import { getJson, OTHER_KEY, openTestPlaces, startTestSystem, TEST_KEY, uploadRaw } from '../support/system.ts'

interface Call {
  readonly path: string
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: string
}

const calls = createArrivals<Call>()
const endpoint = createServer(async (request, response) => {
  const body = await request.reduce((text: string, chunk: Buffer) => text + chunk, '')
  response.writeHead(request.url === '/gone' ? 410 : 204).end()
  calls.add({ path: request.url ?? '', headers: request.headers, body })
}).listen(0, '127.0.0.1')
await once(endpoint, 'listening')
after(() => endpoint.close())
const hook = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}`

const ADMIN_KEY = 'test-key-of-the-admin'
const { places, env } = await openTestPlaces()
const system = await startTestSystem(['api', 'forward', 'analyse', 'record', 'reconcile'], places, {
  ...env,
  CALLBACK_ALLOW_LOOPBACK: 'true',
  BOOTSTRAP_API_KEYS: `acme=${TEST_KEY},other=${OTHER_KEY},ops=${ADMIN_KEY}:admin`,
})

async function upload(path: string): Promise<string> {
  const response = await uploadRaw(system.url, toneWav(), { query: `?callback_url=${encodeURIComponent(hook + path)}` })
  assert.equal(response.status, 202)
  return ((await response.json()) as { job_id: string }).job_id
}

const post = (path: string, key = TEST_KEY) =>
  fetch(`${system.url}${path}`, { method: 'POST', headers: { authorization: `Bearer ${key}` } })

interface Listed {
  readonly items: { delivery_id: string; status: string; event: string; tries: number; last_status: number | null }[]
}

/** The job's deliveries, once the first has got as far as this. */
async function deliveriesOf(jobId: string, status: string): Promise<Listed['items']> {
  for (;;) {
    const { body } = await getJson(`${system.url}/v1/jobs/${jobId}/deliveries`)
    const { items } = body as unknown as Listed
    if (items[0]?.status === status) return items
  }
}

test('the end of a job reaches its endpoint, signed with the secret that the rotation showed', async () => {
  const rotated = await post('/v1/admin/owners/acme/secret', ADMIN_KEY)
  assert.equal(rotated.status, 200)
  assert.equal(rotated.headers.get('cache-control'), 'no-store')
  const { secret } = (await rotated.json()) as { secret: string }
  const jobId = await upload('/done')
  const call = (await calls.until(({ path }) => path === '/done')).find(({ path }) => path === '/done')!
  const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(call.headers['x-signature'])) ?? []
  assert.equal(v1, createHmac('sha256', secret).update(`${t}.${call.body}`).digest('hex'))
  const told = JSON.parse(call.body)
  assert.deepEqual([told.event, told.job_id, told.status, told.progress], ['completed', jobId, 'completed', 100])
  const [delivery, ...more] = await deliveriesOf(jobId, 'delivered')
  assert.deepEqual(more, [])
  assert.equal(delivery?.delivery_id, call.headers['x-tonewire-delivery'])
  assert.deepEqual([delivery?.event, delivery?.tries, delivery?.last_status], ['completed', 1, 204])
})

test('what was given up is sent again by a replay, under the same id; nobody else sees or replays it', async () => {
  const jobId = await upload('/gone')
  const [delivery] = await deliveriesOf(jobId, 'given_up')
  const path = `/v1/jobs/${jobId}/deliveries/${delivery!.delivery_id}/replay`
  assert.equal((await post(path, OTHER_KEY)).status, 404)
  assert.equal((await getJson(`${system.url}/v1/jobs/${jobId}/deliveries`, OTHER_KEY)).status, 404)
  const seen = () => calls.items.filter((call) => call.path === '/gone')
  assert.equal(seen().length, 1)
  const replayed = await post(path)
  assert.equal(replayed.status, 202)
  assert.equal(((await replayed.json()) as { status: string }).status, 'pending')
  await calls.until((call) => call.path === '/gone' && call !== seen()[0])
  assert.equal(new Set(seen().map(({ headers }) => headers['x-tonewire-delivery'])).size, 1)
})

test('an unknown delivery is a 404 of its own', async () => {
  const jobId = await upload('/known')
  const response = await post(`/v1/jobs/${jobId}/deliveries/00000000-0000-4000-8000-000000000000/replay`)
  assert.equal(response.status, 404)
  assert.equal(((await response.json()) as { code: string }).code, 'delivery-not-found')
})

test('a callback_url that must not be called is refused at once, in a raw body and in a form', async () => {
  for (const url of [
    'https://10.0.0.1/',
    'http://client.example/',
    'https://169.254.169.254/latest',
    'https://a@b.c/',
  ]) {
    const raw = await uploadRaw(system.url, toneWav(), { query: `?callback_url=${encodeURIComponent(url)}` })
    const form = new FormData()
    form.append('callback_url', url)
    form.append('file', new Blob([toneWav()]), 'take.wav')
    const headers = { authorization: `Bearer ${TEST_KEY}` }
    const sent = await fetch(`${system.url}/v1/jobs`, { method: 'POST', headers, body: form })
    for (const response of [raw, sent]) {
      assert.equal(response.status, 400, url)
      assert.equal(((await response.json()) as { code: string }).code, 'callback-refused')
    }
  }
})

test('only an admin rotates a secret', async () => {
  assert.equal((await post('/v1/admin/owners/acme/secret')).status, 403)
})

test('the command rotates a secret and shows it', async () => {
  const [before] = await system.ports.ownerSecrets.find('other')
  const credentials = { TONEWIRE_URL: system.url, TONEWIRE_KEY: ADMIN_KEY }
  const command = startProcess(['scripts/keys.ts', 'rotate-secret', 'other', '--json'], credentials)
  assert.deepEqual(await command.ended, { code: 0, signal: null }, command.output())
  const { secret } = JSON.parse(command.output()) as { secret: string }
  assert.deepEqual(await system.ports.ownerSecrets.find('other'), [secret, before])
})

test('the figures tell of the callbacks', async () => {
  const text = await (await fetch(`${system.url}/metrics`)).text()
  assert.match(text, /tonewire_callbacks_total\{outcome="delivered"\} \d/)
  assert.match(text, /tonewire_callbacks_oldest_pending_age_seconds \d/)
})
