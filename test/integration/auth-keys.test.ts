import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findFreePort } from '../../src/embedded/free-port.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { startProcess } from '../support/processes.ts'
import { openMigrated } from '../support/storage.ts'
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

async function run(args: readonly string[], environment: Record<string, string> = {}) {
  const env = { TONEWIRE_URL: system.url, TONEWIRE_KEY: ADMIN_KEY, ...environment }
  const child = startProcess(['scripts/keys.ts', ...args], env)
  const { code } = await child.ended
  return { code, output: child.output() }
}

test('npm run keys makes, lists and revokes keys of a running API', async () => {
  const made = await run(['create', 'cli', '--name', 'by hand', '--expires', '2099-01-31', '--json'])
  assert.equal(made.code, 0, made.output)
  const key = JSON.parse(made.output)
  assert.deepEqual([key.owner, key.role, key.expires_at], ['cli', 'user', '2099-01-31T00:00:00.000Z'])
  assert.equal(await statusWith(key.key), 200)
  const listed = await run(['list', '--owner', 'cli'])
  assert.match(listed.output, new RegExp(`${key.key_id}  cli  user  until 2099-01-31T00:00:00.000Z  used .*  by hand`))
  const revoked = await run(['revoke', key.key_id])
  assert.deepEqual([revoked.code, /is revoked/.test(revoked.output)], [0, true], revoked.output)
  assert.equal(await statusWith(key.key), 401)
})

test('npm run keys says in a sentence what is wrong: 1 for what was refused, 2 for what cannot be asked', async () => {
  const cases: [string[], Record<string, string>, number, RegExp][] = [
    [[], {}, 2, /Which command\?[\s\S]*usage:/],
    [['destroy'], {}, 2, /no command "destroy"/],
    [['create'], {}, 2, /owner is missing/],
    [['create', 'a b'], {}, 2, /"a b" is not an owner/],
    [['create', 'cli', '--expires', 'soon'], {}, 2, /not a date/],
    [['revoke', 'x'], {}, 2, /not a key_id/],
    [['list', 'cli'], {}, 2, /one argument too many/],
    [['list', '--colour'], {}, 2, /--colour/],
    [['list'], { TONEWIRE_URL: '', TONEWIRE_KEY: '' }, 2, /Set TONEWIRE_URL and TONEWIRE_KEY/],
    [['list'], { TONEWIRE_KEY: '' }, 2, /TONEWIRE_KEY is not set/],
    [['list'], { TONEWIRE_URL: `http://127.0.0.1:${await findFreePort()}` }, 1, /cannot be reached: ECONNREFUSED/],
    [['list'], { TONEWIRE_KEY: 'unknown-key' }, 1, /does not know this TONEWIRE_KEY/],
    [['list'], { TONEWIRE_KEY: TEST_KEY }, 1, /not the key of an admin/],
    [['revoke', UNKNOWN_ID], {}, 1, /no key 0{8}.*key-not-found/],
  ]
  const outcomes = await Promise.all(cases.map(([args, environment]) => run(args, environment)))
  for (const [i, [args, , code, sentence]] of cases.entries()) {
    const { code: ended, output } = outcomes[i] ?? { code: null, output: '' }
    assert.equal(ended, code, `${args.join(' ')}: ${output}`)
    assert.match(output, sentence)
    assert.doesNotMatch(output, /^\s+at /m)
  }
})

test('the first admin key is made in the database itself', { skip: skipWithoutPostgres }, async () => {
  const { url } = await createTestDatabase()
  const direct = { TONEWIRE_URL: '', TONEWIRE_KEY: '', DATABASE_URL: url }
  const unmade = await run(['list'], direct)
  assert.deepEqual([unmade.code, /npm run migrate/.test(unmade.output)], [1, true], unmade.output)
  const db = await openMigrated({ url })
  await db.destroy()
  const made = await run(['create', 'ops', '--admin', '--json'], direct)
  assert.equal(made.code, 0, made.output)
  const { key_id: keyId, key } = JSON.parse(made.output)
  const listed = await run(['list', '--json'], direct)
  assert.deepEqual([JSON.parse(listed.output).length, listed.output.includes(key)], [1, false])
  const refused = await run(['revoke', keyId], direct)
  assert.deepEqual([refused.code, /last-admin-key/.test(refused.output)], [1, true], refused.output)
})
