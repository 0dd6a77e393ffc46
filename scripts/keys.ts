/** `npm run keys -- <command>`: API keys of a running API (TONEWIRE_URL, TONEWIRE_KEY), or in the database (DATABASE_URL). */
import { isOwner } from '../src/domain/api-key.ts'
import type { KeyView } from '../src/http/key-schemas.ts'
import { type KeyAccess, keysInDatabase, keysOverHttp } from './keys/key-access.ts'
import { type Command, type Given, runCommand } from './keys/run-command.ts'
import { UsageError } from './keys/usage-error.ts'

const COMMANDS: Readonly<Record<string, Command<KeyAccess>>> = {
  create: {
    usage: 'create <owner> [--admin] [--name <name>] [--expires <date>]',
    argument: 'owner',
    options: { admin: { type: 'boolean' }, name: { type: 'string' }, expires: { type: 'string' } },
    run: create,
  },
  list: { usage: 'list [--owner <owner>]', options: { owner: { type: 'string' } }, run: list },
  revoke: { usage: 'revoke <key_id>', argument: 'key_id', options: {}, run: revoke },
  'rotate-secret': { usage: 'rotate-secret <owner>', argument: 'owner', options: {}, run: rotateSecret },
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

async function create(access: KeyAccess, { argument = '', values }: Given) {
  const owner = checkOwner(argument)
  const name = typeof values.name === 'string' ? values.name : 'made by npm run keys'
  const key = await access.create({
    owner,
    role: values.admin ? 'admin' : 'user',
    name,
    expiresAt: parseExpiry(values.expires),
  })
  const until = key.expires_at === null ? '' : `, until ${key.expires_at}`
  const text = `Key ${key.key_id} of ${owner} (${key.role}${until}). It is shown this once:\n${key.key}`
  return { json: key, text }
}

async function list(access: KeyAccess, { values: { owner } }: Given) {
  const keys = await access.list(typeof owner === 'string' ? checkOwner(owner) : undefined)
  return { json: keys, text: keys.length === 0 ? 'There are no keys.' : keys.map(toLine).join('\n') }
}

async function revoke(access: KeyAccess, { argument: keyId = '' }: Given) {
  if (!UUID.test(keyId)) throw new UsageError(`"${keyId}" is not a key_id; npm run keys -- list shows them.`)
  await access.revoke(keyId)
  return {
    json: { key_id: keyId, revoked: true },
    text: `Key ${keyId} is revoked; every process refuses it within 5 s.`,
  }
}

async function rotateSecret(access: KeyAccess, { argument = '' }: Given) {
  const owner = checkOwner(argument)
  const secret = await access.rotateSecret(owner)
  const text = `The new callback secret of ${owner}; the old one counts for another 24 h. It is shown this once:\n${secret}`
  return { json: { owner, secret }, text }
}

function checkOwner(owner: string): string {
  if (isOwner(owner)) return owner
  throw new UsageError(`"${owner}" is not an owner: 1 to 64 of A-Z a-z 0-9 . _ @ | + -, the first a letter or digit.`)
}

function parseExpiry(given: string | boolean | undefined): Date | null {
  if (typeof given !== 'string') return null
  const time = new Date(given)
  const isDate = /^\d{4}-\d\d-\d\d(T.+)?$/.test(given) && !Number.isNaN(time.getTime())
  if (!isDate) throw new UsageError(`--expires "${given}" is not a date such as 2027-01-31 or 2027-01-31T12:00:00Z.`)
  if (time.getTime() <= Date.now()) throw new UsageError(`--expires ${given} is past.`)
  return time
}

function toLine(key: KeyView): string {
  return [key.key_id, key.owner, key.role, stateOf(key), `used ${key.last_used_at ?? 'never'}`, key.name].join('  ')
}

function stateOf({ revoked_at: revokedAt, expires_at: expiresAt }: KeyView): string {
  if (revokedAt !== null) return `revoked ${revokedAt}`
  if (expiresAt === null) return 'in force'
  return Date.parse(expiresAt) > Date.now() ? `until ${expiresAt}` : `expired ${expiresAt}`
}

const script = { name: 'keys', commands: COMMANDS, overHttp: keysOverHttp, inStores: keysInDatabase }
process.exitCode = await runCommand(script, process.argv.slice(2))
