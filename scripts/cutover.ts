/**
 * `npm run cutover -- <command>`: the flag that moves traffic to the queue, by a running API (TONEWIRE_URL, TONEWIRE_KEY)
 * or in the stores themselves (DATABASE_URL and the rest of the environment).
 */
import { Value } from 'typebox/value'
import {
  type CutoverChangeRequest,
  type CutoverStateView,
  type CutoverVersionView,
  cutoverChangeSchema,
} from '../src/http/cutover-schemas.ts'
import { comparisonLines } from './cutover/comparison-text.ts'
import { type CutoverAccess, cutoverOverHttp } from './cutover/cutover-access.ts'
import { type Command, type Environment, type Given, runCommand } from './keys/run-command.ts'
import { UsageError } from './keys/usage-error.ts'

const text = { type: 'string' } as const
const GUARD = '[--steps 1,10,50,80,100 --hold seconds --min-owners n]'

const COMMANDS: Readonly<Record<string, Command<CutoverAccess>>> = {
  get: { usage: 'get [--history]', options: { history: { type: 'boolean' } }, run: get },
  set: {
    usage: `set <percent> --reason text [--version n] [--allow owner,owner] [--deny owner,owner] ${GUARD}`,
    argument: 'percent',
    options: {
      ...{ reason: text, version: text, allow: text, deny: text },
      ...{ steps: text, hold: text, 'min-owners': text },
    },
    run: set,
  },
  history: { usage: 'history [--limit n]', options: { limit: text }, run: history },
}

async function get(access: CutoverAccess, { values }: Given) {
  const view = await access.read()
  const lines = [describe(view), ...noteOf(view), ...comparisonLines(view)]
  return { json: view, text: [...lines, ...(values.history ? view.history.map(toLine) : [])].join('\n') }
}

async function set(access: CutoverAccess, { argument = '', values }: Given) {
  const { reason, version } = values
  if (typeof reason !== 'string' || reason === '')
    throw new UsageError('--reason is missing: it is kept in the history.')
  const change = { percent: readNumber('The percentage', argument.replace(/%$/, '')), reason, ...readLists(values) }
  const guard = readGuard(values)
  const asked = version === undefined ? undefined : readNumber('--version', version)
  // What cannot be is said before anything is called.
  check({ ...change, guard, version: asked ?? 0 })
  const before = await access.readFlag()
  const after = await access.put(check({ ...change, guard, version: asked ?? before.version }))
  const step = `${before.percent} % → ${after.percent} % (version ${before.version} → ${after.version}).`
  return { json: after, text: [step, ...(noteOf(after).length > 0 ? noteOf(after) : [access.spread])].join('\n') }
}

const DEFAULT_LIMIT = 100

async function history(access: CutoverAccess, { values }: Given) {
  const limit = values.limit === undefined ? DEFAULT_LIMIT : readNumber('--limit', values.limit)
  const items: CutoverVersionView[] = []
  for (let before: number | null | undefined; before !== null && items.length < limit; ) {
    const page = await access.read(before)
    items.push(...page.history)
    before = page.next_before
  }
  const shown = items.slice(0, limit)
  return { json: shown, text: shown.length === 0 ? 'Nobody has set the flag yet.' : shown.map(toLine).join('\n') }
}

function describe({
  version,
  percent,
  reason,
  changed_by: by,
  changed_at: at,
  allow,
  deny,
  guard,
}: CutoverStateView): string {
  if (version === 0) return `${percent} % of owners take the queue: nobody has set the flag yet (version 0).`
  const lists = [listOf('always the queue', allow), listOf('always the direct route', deny)].filter(Boolean)
  const steps =
    guard === null
      ? ''
      : `\nGuarded: steps ${guard.steps.join(', ')}, ${guard.hold_s} s each, ${guard.min_owners} owners a side`
  const halted = guard?.halted ? '; it has stepped back and waits for an operator' : ''
  return [
    `${percent} % of owners take the queue (version ${version}), set by ${by} at ${at}: ${reason}${steps}${halted}`,
    ...lists,
  ].join('\n')
}

function listOf(what: string, owners: readonly string[]): string {
  return owners.length === 0 ? '' : `Owners who take ${what}: ${owners.join(', ')}`
}

/** Why the percentage is not what new jobs go by, where that is so. */
function noteOf({ forced, effective }: CutoverStateView): string[] {
  if (forced !== null) {
    return [
      `USE_QUEUE_SYSTEM_FORCE is set, to ${forced} %: it is above the flag, which has no effect until it is taken away.`,
    ]
  }
  if (effective.by === 'no-direct-route') return ['There is no direct route: all jobs take the queue.']
  if (effective.by === 'provider') return ['FLAG_PROVIDER is set: that decides, and the flag only when it fails.']
  return []
}

function toLine({ version, percent, reason, changed_by: by, changed_at: at, origin }: CutoverVersionView): string {
  return [
    String(version).padStart(5),
    at,
    `${percent} %`.padStart(8),
    by === origin ? by : `${by} (${origin})`,
    reason,
  ].join('  ')
}

function readLists({ allow, deny }: Given['values']): Pick<CutoverChangeRequest, 'allow' | 'deny'> {
  return {
    ...(typeof allow === 'string' && { allow: split(allow) }),
    ...(typeof deny === 'string' && { deny: split(deny) }),
  }
}

function readGuard({
  steps,
  hold,
  'min-owners': minOwners,
}: Given['values']): (CutoverChangeRequest['guard'] & object) | null {
  const given = [steps, hold, minOwners].filter((value) => value !== undefined)
  if (given.length === 0) return null
  if (given.length < 3) throw new UsageError('--steps, --hold and --min-owners go together.')
  return {
    steps: split(String(steps)).map((step) => readNumber('--steps', step)),
    hold_s: readNumber('--hold', hold),
    min_owners: readNumber('--min-owners', minOwners),
  }
}

/** An empty text is an empty list: so a list is cleared. */
function split(list: string): string[] {
  return list
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function readNumber(name: string, given: string | boolean | undefined): number {
  if (typeof given === 'string' && /^\d{1,10}(\.\d{1,10})?$/.test(given)) return Number(given)
  throw new UsageError(`${name} "${given}" is not a number.`)
}

/** The API's own rules. */
function check(request: CutoverChangeRequest): CutoverChangeRequest {
  const [fault] = Value.Errors(cutoverChangeSchema, request)
  if (fault === undefined) return request
  throw new UsageError(`${fault.instancePath.slice(1) || 'The change'}: ${fault.message}.`)
}

/** Loaded only here: all that opens stores takes its time, and most calls go to an API. */
async function cutoverInStores(env: Environment): Promise<CutoverAccess> {
  const { openCutoverStores } = await import('./cutover/cutover-stores.ts')
  return openCutoverStores(env)
}

const script = { name: 'cutover', commands: COMMANDS, overHttp: cutoverOverHttp, inStores: cutoverInStores }
process.exitCode = await runCommand(script, process.argv.slice(2))
