import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

const SUITE = /^(?:describe\w*|test)\(/
const WAIT = /^(?:(?:const|let) [^=]*= |if \(.*\) |export const [^=]*= )?.*\bawait\b/

/** The runner ends a file's hooks as soon as the suites it knows of are done: a wait between two suites is a race. */
test('no test file waits between its suites', () => {
  const faults = globSync('test/**/*.test.ts', { cwd: new URL('../../', import.meta.url) }).filter((file) => {
    const lines = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8').split('\n')
    const first = lines.findIndex((line) => SUITE.test(line))
    return first >= 0 && lines.some((line, i) => i > first && /^\S/.test(line) && !SUITE.test(line) && isWait(line))
  })
  assert.deepEqual(faults, [])
})

/** At the top of the file, outside any function. */
function isWait(line: string): boolean {
  return WAIT.test(line) && !/^(?:export )?(?:async )?function\b|=>|^\s*\/?\*/.test(line)
}
