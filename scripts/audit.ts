/**
 * Known faults in what runs in production, by the registry's own list: a `high` or worse one fails. A mirror that has
 * no such list is no reason to stop: it is said, and passes.
 */
import { execFile } from 'node:child_process'
import { parseAudit } from './audit/parse-audit.ts'

const TIMEOUT_MS = 60_000
const ARGS = ['audit', '--omit=dev', '--audit-level=high', '--json', '--fetch-retries=1', '--fetch-timeout=20000']

const options = { timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 ** 2 }
execFile('npm', ARGS, options, (error, stdout) => {
  const outcome = parseAudit(
    stdout,
    error?.killed ? `npm did not answer within ${TIMEOUT_MS / 1000} s` : error?.message,
  )
  console.log(outcome.sentence)
  process.exitCode = outcome.passed ? 0 : 1
})
