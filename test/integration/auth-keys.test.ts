import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestPlaces, startTestSystem, TEST_KEY } from '../support/system.ts'

const ADMIN_KEY = 'test-key-of-ops'
const BOOTSTRAP_API_KEYS = `acme=${TEST_KEY},ops=${ADMIN_KEY}:admin`
const { places, env } = await openTestPlaces()
const system = await startTestSystem(['api'], places, { ...env, BOOTSTRAP_API_KEYS })
const path = '/v1/admin/keys'
const UNKNOWN_ID = '00000000-0000-4000-8000-000000000000'

async function call(method: string, route: string, body?: object, key = ADMIN_KEY) {
  const headers = { authorization: `Bearer ${key}`, ...(body && { 'content-type': 'application/json' }) }
  const response = await fetch(`${system.url}${route}`, {
    method,
    headers,
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
}

const make = (fields: object = {}) => call('POST', path, { owner: 'acme', name: 'test', ...fields })
const statusWith = async (key: string) => (await call('GET', '/v1/tokens', undefined, key)).status

test('a made key works at once, its text is in that answer only, and its use is noted', async () => {
  const made = await make({ owner: 'school@x.example', name: 'the school’s backend' })
  assert.equal(made.status, 201)
  assert.equal(made.headers.get('cache-control'), 'no-store')
  assert.match(made.body.key, /^tw_[\w-]{43}$/)
  assert.equal(await statusWith(made.body.key), 200)
  const read = () => call('GET', `${path}?owner=school@x.example`)
  // The use is written beside the request; each look at the list comes later than the one before.
  let listed = await read()
  while (listed.body.items[0].last_used_at === null) listed = await read()
  const { key, ...record } = made.body
  assert.deepEqual(listed.body.items, [{ ...record, last_used_at: listed.body.items[0].last_used_at }])
  assert.ok(!JSON.stringify(listed.body).includes(key))
})

test('a user’s key may nothing under /v1/admin, and no key is no answer at all', async () => {
  const attempts = [
    ['GET', path],
    ['POST', path, { owner: 'acme', name: 'x', role: 'admin' }],
    ['DELETE', `${path}/${UNKNOWN_ID}`],
  ] as const
  for (const [method, route, body] of attempts) {
    const user = await call(method, route, body, TEST_KEY)
    assert.deepEqual([user.status, user.body.code], [403, 'forbidden'])
    const nobody = await call(method, route, body, 'unknown-key')
    assert.deepEqual([nobody.status, nobody.headers.get('www-authenticate')], [401, 'Bearer'])
  }
})

test('a revoked key is refused at once, in the words of an unknown one, and revoking it again is no fault', async () => {
  const { body } = await make()
  assert.equal(await statusWith(body.key), 200)
  for (let i = 0; i < 2; i++) assert.equal((await call('DELETE', `${path}/${body.key_id}`)).status, 204)
  const problemOf = async (key: string) => {
    const { request_id, ...problem } = (await call('GET', '/v1/tokens', undefined, key)).body
    return problem
  }
  assert.deepEqual(await problemOf(body.key), await problemOf('tw_unknown'))
  assert.equal((await call('DELETE', `${path}/${UNKNOWN_ID}`)).body.code, 'key-not-found')
})

test('the last admin key cannot be revoked before there is another', async () => {
  const listed = await call('GET', `${path}?owner=ops`)
  const [{ key_id: bootstrap }] = listed.body.items
  const refused = await call('DELETE', `${path}/${bootstrap}`)
  assert.deepEqual([refused.status, refused.body.code], [409, 'last-admin-key'])
  const successor = await make({ role: 'admin', owner: 'ops' })
  assert.equal((await call('DELETE', `${path}/${successor.body.key_id}`, undefined, successor.body.key)).status, 204)
  assert.equal((await call('GET', path)).status, 200)
})

test('what is no key is refused with the field', async () => {
  const wrong: [object, RegExp][] = [
    [{ owner: 'no owner' }, /owner/],
    [{ owner: undefined }, /owner/],
    [{ role: 'root' }, /role/],
    [{ name: '' }, /name/],
    [{ name: 'a\u0000b' }, /name/],
    [{ expires_at: 'tomorrow' }, /expires_at/],
    [{ expires_at: '2020-01-01T00:00:00Z' }, /expires_at/],
    [{ key: 'of my own choice' }, /./],
  ]
  for (const [fields, named] of wrong) {
    const { status, body } = await make(fields)
    assert.deepEqual([status, body.code], [400, 'request-invalid'], JSON.stringify(fields))
    assert.match(body.detail, named)
  }
  assert.equal((await call('DELETE', `${path}/no-id`)).status, 400)
})

test('keys are listed page by page', async () => {
  for (let i = 0; i < 3; i++) await make({ owner: 'pages', name: `key ${i}` })
  const first = await call('GET', `${path}?owner=pages&limit=2`)
  const rest = await call('GET', `${path}?owner=pages&limit=2&cursor=${first.body.next_cursor}`)
  const names = [...first.body.items, ...rest.body.items].map(({ name }: { name: string }) => name)
  assert.deepEqual(names.toSorted(), ['key 0', 'key 1', 'key 2'])
  assert.equal(rest.body.next_cursor, null)
})
