/**
 * `npm test [-- files or node --test options]`: every test but those in test/long, which take their time and have
 * `npm run test:long`; on a PostgreSQL of its own where the machine has one.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { endWithParent } from '../src/embedded/end-with-parent.ts'
import { startPostgresCluster } from './setup/postgres-cluster.ts'

const ALL_TESTS = 'test/{unit,contracts,integration,e2e}/**/*.test.ts'
/** For two cores: many files wait for processes of their own, or for a clock. */
const CONCURRENCY = 3
/** Each test file is a process that loads the same modules: what V8 made of them is kept for the next. */
const COMPILE_CACHE = process.env.NODE_COMPILE_CACHE ?? 'node_modules/.cache/tonewire-compile'
/** A test that hangs is a failure, not a pause. */
const TIMEOUT_MS = 300_000
/** So is a file that does not end with its tests. */
const END_WITH_TESTS = './test/support/end-with-tests.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
process.exit(await main(process.argv.slice(2)))

async function main(args: readonly string[]): Promise<number> {
  const stopping = new AbortController()
  for (const signal of SIGNALS) process.on(signal, () => stopping.abort(signal))
  const cluster = process.env.TEST_DATABASE_URL === undefined ? await startPostgresCluster() : undefined
  if (typeof cluster === 'string') console.error(`PostgreSQL tests are skipped: ${cluster}.`)
  const found = typeof cluster === 'object' ? { TEST_DATABASE_URL: cluster.url } : {}
  try {
    return await runTests(args, { ...process.env, ...found, NODE_COMPILE_CACHE: COMPILE_CACHE }, stopping.signal)
  } finally {
    if (typeof cluster === 'object') await cluster.stop()
  }
}

/** Runs node's test runner; its own summary is the last that is printed. Resolves to its exit code. */
function runTests(args: readonly string[], env: NodeJS.ProcessEnv, stopping: AbortSignal): Promise<number> {
  const isOption = (arg: string) => arg.startsWith('-')
  const limits = [`--test-concurrency=${CONCURRENCY}`, `--test-timeout=${TIMEOUT_MS}`, `--import=${END_WITH_TESTS}`]
  const options = [...limits, '--test-reporter=spec']
  const files = args.filter((arg) => !isOption(arg))
  const all = ['--test', ...options, ...args.filter(isOption), ...(files.length === 0 ? [ALL_TESTS] : files)]
  // In a group of its own, so that a terminal's Ctrl-C comes once, from here.
  const runner = spawn(process.execPath, all, { env, detached: true, stdio: ['ignore', 'inherit', 'inherit'] })
  const stop = () => runner.kill(stopping.reason)
  if (stopping.aborted) stop()
  stopping.addEventListener('abort', stop)
  const release = endWithParent(runner.pid as number)
  return new Promise<number>((resolve, reject) => {
    runner.once('error', reject)
    runner.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGTERM']))
  }).finally(release)
}
