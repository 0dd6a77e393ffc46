/**
 * Writes the documents that are made from code: the environment, `.env.example`, the problems, and copies
 * of the API's and the queues' descriptions. With `--check` it
 * writes nothing and fails when one of them is not up to date.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { ERROR_HELP } from '../src/domain/error-help.ts'
import { ERRORS, type ErrorCode } from '../src/domain/errors.ts'
import { environmentSchema, propertiesOf } from '../src/environment.ts'
import { describeQueues } from '../src/http/asyncapi.ts'
import { describeApi } from './docs/describe-api.ts'
import { resultDocument } from './result-document.ts'

interface Rule {
  readonly type?: string
  readonly default?: unknown
  readonly description?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly anyOf?: readonly { const: string }[]
  readonly examples?: readonly string[]
}

const openapi = `${JSON.stringify(await describeApi(), undefined, 2)}\n`
const DOCUMENTS = {
  'docs/environment.md': environmentTable,
  '.env.example': environmentExample,
  'docs/problems.md': problemTable,
  'docs/results.md': resultDocument,
  'docs/openapi.json': () => openapi,
  'docs/asyncapi.json': () => `${JSON.stringify(describeQueues(), undefined, 2)}\n`,
}

const check = process.argv.includes('--check')
const stale = Object.entries(DOCUMENTS).filter(([file, make]) => !isUpToDate(file, make()))
for (const [file, make] of check ? [] : stale) writeFileSync(pathOf(file), make())
if (stale.length > 0)
  console.error(`${check ? 'Not up to date' : 'Written'}: ${stale.map(([file]) => file).join(', ')}`)
if (check && stale.length > 0) {
  console.error('Run node scripts/docs.ts')
  process.exitCode = 1
}

function environmentTable(): string {
  const rows = variables().map(
    ([name, rule]) => `| \`${name}\` | ${typeOf(rule)} | ${defaultOf(rule)} | ${rule.description ?? ''} |`,
  )
  return [
    '# Environment',
    '',
    'Every variable that is read, made from `src/environment.ts`. A wrong value stops the start with every problem listed.',
    '',
    '| variable | type | default | what it is |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

function environmentExample(): string {
  const lines = variables().map(
    ([name, rule]) => `# ${rule.description ?? ''}\n# ${name}=${rule.default ?? rule.examples?.[0] ?? ''}\n`,
  )
  return `# Made from src/environment.ts; every variable is optional. See docs/environment.md.\n\n${lines.join('\n')}`
}

function problemTable(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, title, retry }]) =>
      `| \`${code}\` | ${status} | ${title} | ${ERROR_HELP[code as ErrorCode]} | ${retry === 'later' ? 'yes' : 'no'} |`,
  )
  return [
    '# Problems',
    '',
    'Every answer that is an error is `application/problem+json` (RFC 9457) with `type`, `title`, `status`, `detail`,',
    '`code` and `request_id`; 429 and 503 carry `Retry-After`. A failed job carries its `code` in `error`, with the',
    '`stage` it failed in. Made from `src/domain/errors.ts` and `error-help.ts`.',
    '',
    '| code | status | title | when it happens, and what to do | worth trying again |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

function variables(): [string, Rule][] {
  return propertiesOf(environmentSchema) as [string, Rule][]
}

function typeOf({ type, minimum, maximum, anyOf }: Rule): string {
  if (anyOf !== undefined) return anyOf.map((option) => `\`${option.const}\``).join(', ')
  if (type === 'string') return 'text'
  return `${type === 'integer' ? 'whole number' : 'number'}, ${minimum}–${maximum}`
}

function defaultOf(rule: Rule): string {
  return rule.default === undefined ? '–' : `\`${rule.default}\``
}

function isUpToDate(file: string, text: string): boolean {
  try {
    return readFileSync(pathOf(file), 'utf8') === text
  } catch {
    return false
  }
}

function pathOf(file: string): URL {
  return new URL(`../${file}`, import.meta.url)
}
