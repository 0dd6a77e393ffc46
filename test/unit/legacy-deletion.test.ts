/** The direct route and its flag go in one commit, when nobody needs them any more: this is what it takes. */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path/posix'
import { test } from 'node:test'
import { camelCase } from '../../src/config-values.ts'
import { cutoverProperties } from '../../src/environment-cutover.ts'
import { readImports } from '../support/house-imports.ts'
import { CHANGES, GOES, STAYS } from '../support/legacy-parts.ts'
import { ROOT } from '../support/processes.ts'

const variables = Object.keys(cutoverProperties)
/** Words that stand in no file which is not about the direct route or its flag. */
const MARKS = new RegExp(
  [
    ...variables.map((name) => `\\b${name}\\b`),
    ...variables.map((name) => `\\b${camelCase(name)}\\b`),
    ...['analysisServer\\b', 'keylessOwner', 'webhooks/analysis', "route\\W{1,8}'direct'", "'queue'\\W{1,4}'direct'"],
    ...['src/legacy', '@openfeature', '[Cc]utover', 'direct[ -]route', "route = 'queue'", 'parseOldAnswer'],
    ...['first_?error_?code', 'firstErrorCode', 'lastCursor', 'analysis-server'],
  ].join('|'),
)
const DOCUMENTS = globSync('{README.md,docs/**/*.md}', { cwd: ROOT })
const files = [
  'package.json',
  ...globSync('{src,workers,scripts,test}/**/*.{ts,mjs}', { cwd: ROOT }),
  ...DOCUMENTS,
].sort()
const textOf = new Map(files.map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]))
const isGone = (file: string): boolean =>
  GOES.some((one) => file === one || (one.endsWith('/') && file.startsWith(one)))

function importsOf(file: string): string[] {
  if (!file.endsWith('.ts')) return []
  return readImports(textOf.get(file) ?? '')
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ specifier }) => join(file, '..', specifier))
}

/** Files that stay, and would be broken or say what is no longer true. */
const touched = files.filter(
  (file) => !isGone(file) && (MARKS.test(textOf.get(file) ?? '') || importsOf(file).some(isGone)),
)

test('whoever deletes the direct route finds here every file that goes, and every file that changes', () => {
  const known = [...Object.keys(CHANGES), ...Object.keys(STAYS)].sort()
  assert.deepEqual(touched, known, 'test/support/legacy-parts.ts differs from what mentions or imports them')
})

test('what is listed as going is there, and all of src/legacy is', () => {
  assert.deepEqual(
    GOES.filter((one) => !existsSync(join(ROOT, one))),
    [],
  )
  assert.ok(GOES.includes('src/legacy/'))
})

test('nothing that stays is left with an import of what goes but where the list says so', () => {
  const broken = files.filter((file) => !isGone(file) && importsOf(file).some(isGone))
  assert.deepEqual(
    broken.filter((file) => CHANGES[file] === undefined),
    [],
  )
})
