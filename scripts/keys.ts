/** `npm run keys -- <command>`: API keys of a running API (TONEWIRE_URL, TONEWIRE_KEY), or in the database (DATABASE_URL). */
import { parseArgs } from 'node:util'
import { ConfigError } from '../src/config.ts'
import { isOwner } from '../src/domain/api-key.ts'
import { AppError } from '../src/domain/errors.ts'
import type { KeyView } from '../src/http/key-schemas.ts'
import { type KeyAccess, openKeyAccess } from './keys/key-access.ts'
import { UsageError } from './keys/usage-error.ts'

interface Given {
  readonly argument: string | undefined
  readonly values: Readonly<Record<string, string | boolean | undefined>>
}

interface Command {
  readonly usage: string
  /** What its one argument is; undefined: it takes none. */
  readonly argument?: string
  readonly options: Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>
  /** What `--json` prints, and the same for people. */
  run(access: KeyAccess, given: Given): Promise<{ json: unknown; text: string }>
}

const COMMANDS: Readonly<Record<string, Command>> = {
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

function readCommand(args: readonly string[]): { command: Command; given: Given; asJson: boolean } {
  const [name = '', ...rest] = args
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command === undefined) throw new UsageError(name === '' ? 'Which command?' : `There is no command "${name}".`)
  const { values, positionals } = parse(rest, command)
  const [argument, tooMuch = command.argument === undefined ? argument : undefined] = positionals
  if (command.argument !== undefined && argument === undefined)
    throw new UsageError(`The ${command.argument} is missing.`)
  if (tooMuch !== undefined) throw new UsageError(`"${tooMuch}" is one argument too many.`)
  return { command, given: { argument, values }, asJson: values.json === true }
}

function parse(args: string[], { options }: Command) {
  try {
    return parseArgs({ args, allowPositionals: true, options: { ...options, json: { type: 'boolean' } } })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const { command, given, asJson } = readCommand(args)
    const access = openKeyAccess(process.env)
    try {
      const { json, text } = await command.run(access, given)
      console.log(asJson ? JSON.stringify(json) : text)
    } finally {
      await access.close()
    }
    return 0
  } catch (error) {
    console.error(explain(error))
    return error instanceof UsageError || error instanceof ConfigError ? 2 : 1
  }
}

function explain(error: unknown): string {
  if (error instanceof UsageError) return `${error.message}\n\n${usage()}`
  if ((error as { code?: unknown }).code === '42P01') return 'The database has no schema yet: npm run migrate makes it.'
  if (error instanceof AppError) return `${error.detail} (${error.code})`
  return error instanceof Error ? error.message : String(error)
}

function usage(): string {
  const lines = Object.values(COMMANDS).map(({ usage }) => `  npm run keys -- ${usage} [--json]`)
  return `usage:\n${lines.join('\n')}\nTONEWIRE_URL and TONEWIRE_KEY name a running API; without them DATABASE_URL is opened.`
}

process.exitCode = await main(process.argv.slice(2))
