/** `npm run keys`, as a process of its own for each case. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findFreePort } from '../../src/embedded/free-port.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { startProcess } from '../support/processes.ts'
import { openMigrated } from '../support/storage.ts'
import { getJson, openTestPlaces, startTestSystem, TEST_KEY } from '../support/system.ts'

const ADMIN_KEY = 'test-key-of-ops'
const BOOTSTRAP_API_KEYS = `acme=${TEST_KEY},ops=${ADMIN_KEY}:admin`
const { places, env } = await openTestPlaces()
const system = await startTestSystem(['api'], places, { ...env, BOOTSTRAP_API_KEYS })
const UNKNOWN_ID = '00000000-0000-4000-8000-000000000000'
const statusWith = async (key: string) => (await getJson(`${system.url}/v1/tokens`, key)).status

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
