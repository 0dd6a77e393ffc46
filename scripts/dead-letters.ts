/**
 * `npm run dead-letters -- <command>`: what no consumer could bring to an end, by a running API (TONEWIRE_URL,
 * TONEWIRE_KEY) or in the stores themselves (DATABASE_URL and the rest of the environment).
 */
import { Value } from 'typebox/value'
import {
  type LetterFilterView,
  type LetterQuery,
  type LetterView,
  letterFilterSchema,
  letterQuerySchema,
  type RedrivenView,
  type WholeLetterView,
} from '../src/http/dead-letter-schemas.ts'
import { type LetterAccess, lettersOverHttp } from './dead-letters/letter-access.ts'
import { type Command, type Environment, type Given, runCommand } from './keys/run-command.ts'
import { UsageError } from './keys/usage-error.ts'

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const FILTERS = { id: text, source: text, code: text, stage: text, owner: text, job: text, since: text }
const FILTER_USAGE = '[--source s] [--code c] [--stage s] [--owner o] [--job id] [--since time]'

const COMMANDS: Readonly<Record<string, Command<LetterAccess>>> = {
  list: {
    usage: `list ${FILTER_USAGE} [--state open|redriven|discarded|any] [--group-by code|stage|code,stage] [--limit n]`,
    options: { ...FILTERS, state: text, 'group-by': text, limit: text },
    run: list,
  },
  explain: { usage: 'explain <letter_id>', argument: 'letter_id', options: {}, run: explain },
  redrive: {
    usage: `redrive (--all | [--id letter_id] ${FILTER_USAGE}) [--limit n] [--rate letters_per_second] [--dry-run]`,
    options: { ...FILTERS, all: flag, limit: text, rate: text, 'dry-run': flag },
    run: redrive,
  },
  discard: {
    usage: `discard (--all | [--id letter_id] ${FILTER_USAGE}) --reason text [--dry-run]`,
    options: { ...FILTERS, all: flag, reason: text, 'dry-run': flag },
    run: discard,
  },
}

const PAGE_SIZE = 100

async function list(access: LetterAccess, { values }: Given) {
  const limit = readNumber('limit', values.limit) ?? PAGE_SIZE
  const { 'group-by': groupBy, state = 'open' } = values
  const given = { ...filterOf(values), ...(state === 'any' ? {} : { state }), ...(groupBy && { group_by: groupBy }) }
  const query = check(letterQuerySchema, given) as LetterQuery
  if (groupBy !== undefined) {
    const { groups = [] } = await access.list(query)
    const lines = groups.map(({ code, stage, count, oldest_at: oldest, newest_at: newest }) =>
      [String(count).padStart(6), code ?? '-', stage ?? '-', `${oldest} to ${newest}`].join('  '),
    )
    return { json: groups, text: lines.length === 0 ? 'There are no dead letters.' : lines.join('\n') }
  }
  const items: LetterView[] = []
  for (let cursor: string | null | undefined; cursor !== null && items.length < limit; ) {
    const page = await access.list({
      ...query,
      limit: Math.min(PAGE_SIZE, limit - items.length),
      ...(cursor && { cursor }),
    })
    items.push(...page.items)
    cursor = page.next_cursor
  }
  return { json: items, text: items.length === 0 ? 'There are no dead letters.' : items.map(toLine).join('\n') }
}

async function explain(access: LetterAccess, { argument: letterId = '' }: Given) {
  check(letterFilterSchema, { letter_id: letterId })
  const letter = await access.read(letterId)
  const { source, message_id: messageId, job_id: jobId, attempt, owner, job, receive_count: receives } = letter
  const lines = [
    `Letter ${letter.letter_id}: ${letter.state}${letter.resolved_at === null ? '' : `, ${resolutionOf(letter)}`}`,
    `From      ${source}, message ${messageId}, received ${receives} times`,
    `Why       ${letter.detail} (${letter.code})`,
    `Job       ${jobId ?? 'none'}${attempt === null ? '' : `, attempt ${attempt}`}${owner === null ? '' : `, of ${owner}`}`,
    `Was then  ${letter.stage ?? 'not touched by this letter'}`,
    `Is now    ${job === null ? 'no such job' : `${job.status}, in attempt ${job.attempt}`}`,
    `Seen      ${letter.first_seen_at}, last ${letter.last_seen_at}`,
    `Redrive   ${whatRedriveDoes(letter)}`,
    `Payload   ${letter.size_bytes} bytes`,
    letter.body,
  ]
  return { json: letter, text: lines.join('\n') }
}

async function redrive(access: LetterAccess, { values }: Given) {
  const filter = guardedFilterOf(values)
  const limit = readNumber('limit', values.limit) ?? Number.POSITIVE_INFINITY
  const rate = readNumber('rate', values.rate)
  const request = { filter, dry_run: values['dry-run'] === true, ...(rate === undefined ? {} : { rate_per_s: rate }) }
  const items: RedrivenView['items'] = []
  for (let cursor: string | null | undefined; cursor !== null && items.length < limit; ) {
    const most = Math.min(PAGE_SIZE, limit - items.length)
    const page: RedrivenView = await access.redrive({ ...request, limit: most, ...(cursor && { cursor }) })
    items.push(...page.items)
    cursor = page.next_cursor
  }
  const refused = items.filter(({ outcome }) => outcome === 'refused')
  const verb = request.dry_run ? 'can be redriven' : 'redriven'
  const summary = `${items.length - refused.length} ${verb}, ${refused.length} refused.`
  const lines = refused.map(
    ({ letter_id: id, job_id: jobId, detail, code }) => `${id}  ${jobId ?? '-'}  ${detail} (${code})`,
  )
  return { json: items, text: [...lines, summary].join('\n') }
}

async function discard(access: LetterAccess, { values }: Given) {
  const filter = guardedFilterOf(values)
  const { reason } = values
  if (typeof reason !== 'string' || reason === '')
    throw new UsageError('--reason is missing: it is kept with the letters.')
  const answer = await access.discard({ filter, reason, dry_run: values['dry-run'] === true })
  return { json: answer, text: `${answer.discarded} ${answer.dry_run ? 'would be discarded' : 'discarded'}.` }
}

function guardedFilterOf(values: Given['values']): LetterFilterView {
  const filter = { ...filterOf(values), ...(values.all === true && { all: true }) }
  if (Object.keys(filter).length === 0)
    throw new UsageError('Which letters? Give a filter, or --all for every open one.')
  return check(letterFilterSchema, filter) as LetterFilterView
}

function filterOf({ id, source, code, stage, owner, job, since }: Given['values']): object {
  const named = { letter_id: id, source, code, stage, owner, job_id: job, since }
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined))
}

/** The API's own rules, said before anything is called. */
function check(schema: typeof letterQuerySchema | typeof letterFilterSchema, given: object): unknown {
  const [fault] = Value.Errors(schema, given)
  if (fault === undefined) return given
  const name = fault.instancePath.slice(1) || 'filter'
  throw new UsageError(`${name} "${(given as Record<string, unknown>)[name]}": ${fault.message}.`)
}

function readNumber(name: string, given: string | boolean | undefined): number | undefined {
  if (given === undefined) return undefined
  if (typeof given === 'string' && /^[1-9]\d{0,5}$/.test(given)) return Number(given)
  throw new UsageError(`--${name} "${given}" is not a whole number from 1.`)
}

function toLine(letter: LetterView): string {
  const { letter_id: id, source, code, stage, state, job_id: jobId, last_seen_at: at } = letter
  return [id, at, source, code, stage ?? '-', state, jobId ?? '-'].join('  ')
}

function resolutionOf({ resolved_at: at, resolved_by: by, reason, redriven_attempt: attempt }: LetterView): string {
  return [`${at} by ${by}`, reason, attempt === null ? null : `attempt ${attempt}`].filter(Boolean).join(', ')
}

function whatRedriveDoes({ state, stage, attempt, job }: WholeLetterView): string {
  if (state !== 'open') return 'nothing: it is resolved'
  if (stage === null) return 'sends the payload to its queue again, as it is'
  if (job === null) return 'is not possible: its job is gone'
  if (job.attempt > (attempt ?? 0)) return `resolves it: attempt ${job.attempt} has begun already`
  return `starts attempt ${job.attempt + 1} of the job, when its recording is kept`
}

/** Loaded only here: all that opens stores takes its time, and most calls go to an API. */
async function lettersInStores(env: Environment): Promise<LetterAccess> {
  const { openLetterStores } = await import('./dead-letters/letter-stores.ts')
  return openLetterStores(env)
}

const script = { name: 'dead-letters', commands: COMMANDS, overHttp: lettersOverHttp, inStores: lettersInStores }
process.exitCode = await runCommand(script, process.argv.slice(2))
