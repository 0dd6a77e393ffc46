/** A third party's analysis worker, in another language and with nothing of ours: the shapes of the queues are enough. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { findProgram } from '../../src/embedded/find-program.ts'
import { openEvents } from '../support/events.ts'
import { ROOT } from '../support/processes.ts'
import { getJson, openTestPlaces, startTestSystem, TEST_KEY, uploadRaw } from '../support/system.ts'

const python = findProgram('python3')
const WORKER = join(ROOT, 'test/e2e/fixtures/foreign-worker.py')

/** Runs the worker for one order, and resolves to what it printed. */
async function workOnce(endpoint: string): Promise<string> {
  const queues = ['audio-analysis-queue', 'analysis-results-queue'].map((name) => `${endpoint}/000000000000/${name}`)
  const child = spawn(python ?? '', [WORKER, endpoint, ...queues], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [printed, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  assert.equal(code, 0, errors)
  return printed.trim()
}

test('a worker in Python, of the standard library alone, takes an order from SQS and its result arrives', {
  skip: python === undefined && 'there is no Python on this machine',
}, async () => {
  const { places, env, aws } = await openTestPlaces()
  // No analyser of ours: the order can go nowhere else.
  const system = await startTestSystem(['api', 'forward', 'record', 'reconcile'], places, env)
  const recording = await readFile(join(ROOT, 'examples/recordings/queue-en.wav'))
  const working = workOnce(aws.endpoint)
  const answered = await uploadRaw(system.url, recording, { query: '?token_id=greeting-1' })
  assert.equal(answered.status, 202)
  const job = (await answered.json()) as { job_id: string; event_cursor: string }
  const stream = await openEvents(`${system.url}/v1/jobs/${job.job_id}/events`, TEST_KEY, {
    'last-event-id': job.event_cursor,
  })
  await stream.ended
  assert.equal(await working, job.job_id)
  const steps = stream.events.map(({ data }) => `${data.status} ${data.progress}`)
  assert.deepEqual(steps.slice(-2), ['analysing 80', 'completed 100'])
  const { body } = await getJson(`${system.url}/v1/jobs/${job.job_id}/result`)
  assert.equal(body.analysis_version, 'foreign-1')
  assert.equal(body.token_id, 'greeting-1')
  assert.ok(Number(body.duration_s) > 0.5)
  const { body: done } = await getJson(`${system.url}/v1/jobs/${job.job_id}`)
  assert.equal(done.duration_s, body.duration_s)
  assert.deepEqual(await system.ports.analysisQueue.depth(), { visible: 0, inFlight: 0, dead: 0 })
})
