/**
 * `npm run demo [-- file …]`: the whole system on embedded stores and a free port; recordings go through every hop of
 * it, their progress is shown live from the event stream, and what came out is printed. Exit 1 when a job fails.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, openAsBlob, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type Client, createClient } from '../src/client/tonewire.ts'
import { type Config, ConfigError, loadConfig } from '../src/config.ts'
import { runProcess } from '../src/runtime.ts'
import { startSystem } from '../src/system.ts'
import { createLogger } from '../src/telemetry/logger.ts'
import { createBoard } from './demo/board.ts'
import { type DemoResult, formatSummary } from './demo/summary.ts'

const RECORDINGS = new URL('../examples/recordings/', import.meta.url).pathname
const OUR_OWN = ['DATABASE_URL', 'REDIS_URL', 'AWS_ENDPOINT_URL', 'SQS_QUEUE_URL', 'SQS_RESULT_QUEUE_URL'] as const

const files = process.argv.length > 2 ? process.argv.slice(2) : ownRecordings()
const missing = files.filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() !== true)
if (missing.length > 0) {
  console.error(`Not a file: ${missing.join(', ')}`)
  process.exit(1)
}
const dataDir = mkdtempSync(join(tmpdir(), 'tonewire-demo-'))
process.once('exit', () => rmSync(dataDir, { recursive: true, force: true }))
const key = randomBytes(16).toString('hex')
const config = readConfig()
const logger = createLogger(process.env.LOG_LEVEL ? config.logLevel : 'error', {})
await runProcess(demo, { stopTimeoutS: 5, log: logger })

/** The caller's settings, on stores of our own. */
function readConfig(): Config {
  try {
    return loadConfig({
      ...process.env,
      ...Object.fromEntries(OUR_OWN.map((name) => [name, undefined])),
      ...{ PORT: '0', HOST: '127.0.0.1', DATA_DIR: dataDir, BOOTSTRAP_API_KEYS: `demo=${key}` },
    })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(error.message)
    process.exit(1)
  }
}

async function demo({ signal, release }: { signal: AbortSignal; release: AbortSignal }): Promise<void> {
  const done = new AbortController()
  const runtime = { signal: AbortSignal.any([signal, done.signal]), release }
  console.log('Starting the whole system: API, forwarder, analyser, recorder, reconciler, on embedded stores')
  const system = await startSystem(config, logger, runtime)
  console.log(`Tonewire is running: ${system.url}\n`)
  try {
    const outcomes = await pushAll(createClient({ url: system.url, key }))
    console.log(formatSummary(outcomes, process.stdout))
    if (outcomes.some(({ status }) => status !== 'completed')) process.exitCode = 1
  } finally {
    done.abort()
    await system.running.finally(() => system.close())
  }
}

async function pushAll(client: Client): Promise<DemoResult[]> {
  const board = createBoard(
    files.map((file) => basename(file)),
    process.stdout,
  )
  const outcomes = await Promise.all(files.map((file, row) => push(client, file, (step) => board.show(row, step))))
  board.close()
  return outcomes
}

type Show = (step: { status: string; progress: number; message: string }) => void

async function push(client: Client, file: string, show: Show): Promise<DemoResult> {
  const name = basename(file)
  const startedAt = performance.now()
  let last = { status: 'uploading', progress: 0, message: 'Uploading' }
  try {
    const recording = await openAsBlob(file)
    const { job_id: jobId, event_cursor: cursor } = await client.upload(recording, { filename: name })
    for await (const { data } of client.follow(jobId, { cursor })) {
      const { status = last.status, progress = last.progress, message = last.message } = data
      last = { status, progress, message: data.error?.detail ?? message }
      show(last)
    }
    const seconds = (performance.now() - startedAt) / 1000
    if (last.status !== 'completed') return { name, status: last.status, reason: last.message }
    return { name, status: 'completed', seconds, result: (await client.result(jobId)) as never }
  } catch (error) {
    show({ ...last, status: 'failed', message: (error as Error).message })
    return { name, status: 'failed', reason: (error as Error).message }
  }
}

function ownRecordings(): string[] {
  return readdirSync(RECORDINGS)
    .filter((name) => name.endsWith('.wav'))
    .sort()
    .map((name) => join(RECORDINGS, name))
}
