/**
 * The containers, as an operator starts them. It builds images, which takes minutes: asked for with TEST_COMPOSE=1.
 * The images come from NODE_IMAGE, REDIS_IMAGE, POSTGRES_IMAGE and AWS_IMAGE, else from their registries.
 */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { findFreePort } from '../../src/embedded/free-port.ts'
import { openEvents } from '../support/events.ts'
import { ROOT, waitForReady } from '../support/processes.ts'
import { toneWav } from '../support/recordings.ts'
import { TEST_KEY, uploadRaw } from '../support/system.ts'

const run = promisify(execFile)
const START_TIMEOUT_MS = 15 * 60_000

function whyNot(): string | false {
  if (process.env.TEST_COMPOSE !== '1') return 'it builds images, which takes minutes: set TEST_COMPOSE=1'
  return spawnSync('docker', ['info']).status !== 0 && 'no Docker engine answers'
}

/** Version 2 is a command of Docker, version 1 a program of its own. */
function composeCommand(): [file: string, ...args: string[]] {
  return spawnSync('docker', ['compose', 'version']).status === 0 ? ['docker', 'compose'] : ['docker-compose']
}

test('docker-compose up --build: an upload to the published port ends in completed', { skip: whyNot() }, async () => {
  const port = await findFreePort()
  const [file, ...args] = composeCommand()
  const project = `tonewire-test-${randomBytes(4).toString('hex')}`
  const env = { ...process.env, API_PORT: String(port), BOOTSTRAP_API_KEYS: `acme=${TEST_KEY}` }
  const compose = (...more: string[]) =>
    run(file, [...args, '-p', project, ...more], { cwd: ROOT, env, maxBuffer: 2 ** 26 })
  after(() => compose('down', '--volumes', '--remove-orphans', '--timeout', '10'))
  await compose('up', '--build', '--detach')
  const url = `http://127.0.0.1:${port}`
  await waitForReady(`${url}/readyz`, START_TIMEOUT_MS)
  const response = await uploadUntilKeyed(url)
  assert.equal(response.status, 202)
  const job = (await response.json()) as { job_id: string; event_cursor: string }
  const stream = await openEvents(`${url}/v1/jobs/${job.job_id}/events`, TEST_KEY, {
    'last-event-id': job.event_cursor,
  })
  await stream.ended
  assert.equal(stream.events.at(-1)?.event, 'completed')
})

/** The key is made a moment after the database is there. */
async function uploadUntilKeyed(url: string): Promise<Response> {
  for (;;) {
    const response = await uploadRaw(url, toneWav())
    if (response.status !== 401) return response
  }
}
