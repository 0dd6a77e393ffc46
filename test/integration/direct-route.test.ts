import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { startDirectSystem } from '../support/direct-system.ts'
import { openEvents } from '../support/events.ts'
import { toneWav } from '../support/recordings.ts'
import { getJson, openTestPlaces, TEST_KEY, uploadRaw } from '../support/system.ts'

const { places, env } = await openTestPlaces()
// A form's owner decides nothing here: the token's name says which way a job goes.
const system = await startDirectSystem(places, {
  roles: ['api', 'forward', 'analyse', 'record', 'reconcile'],
  env,
  routeOf: ({ tokenId }) => (tokenId?.startsWith('queue-') ? 'queue' : 'direct'),
})

type Body = Record<string, unknown>
const recording = (name: string) => readFileSync(new URL(`../../examples/recordings/${name}`, import.meta.url))

async function run(bytes: Uint8Array, tokenId: string) {
  const response = await uploadRaw(system.url, bytes, { query: `?token_id=${tokenId}` })
  assert.equal(response.status, 202)
  const job = (await response.json()) as Body
  const stream = await openEvents(`${system.url}/v1/jobs/${job.job_id}/events`, TEST_KEY, {
    'last-event-id': String(job.event_cursor),
  })
  await stream.ended
  const { body: done } = await getJson(`${system.url}/v1/jobs/${job.job_id}`)
  const { body: result } = await getJson(`${system.url}/v1/jobs/${job.job_id}/result`)
  return { job, stream, done, result }
}

for (const name of ['queue-en.wav', 'number-fr.wav', 'number-it.wav']) {
  test(`${name} comes to the same result on both routes`, async () => {
    const queue = await run(recording(name), `queue-${name}`)
    const direct = await run(recording(name), `direct-${name}`)
    assert.deepEqual([queue.done.status, direct.done.status], ['completed', 'completed'])
    assert.deepEqual([queue.done.route, direct.done.route], ['queue', 'direct'])
    const own = ({ result }: { result: Body }) => ({ ...result, job_id: null, token_id: null, comparison: null })
    assert.deepEqual(own(direct), own(queue))
    assert.deepEqual([direct.result.job_id, direct.result.token_id], [direct.job.job_id, `direct-${name}`])
  })
}

test('on the direct route every status but queued is shown, in order, and progress does not fall', async () => {
  const { job, stream } = await run(recording('queue-en.wav'), 'direct-steps')
  assert.equal(job.status, 'stored')
  const statuses = stream.events.map(({ data }) => data.status).filter((status, i, all) => status !== all[i - 1])
  const order = ['stored', 'forwarded', 'analysing', 'completed']
  assert.deepEqual(
    statuses,
    order.filter((status) => statuses.includes(status)),
  )
  assert.ok(!statuses.includes('queued') && statuses.at(-1) === 'completed')
  const progress = stream.events.map(({ data }) => Number(data.progress))
  assert.deepEqual(
    progress,
    progress.toSorted((a, b) => a - b),
  )
})

test('a result too large for a message travels as an object on the direct route too', async () => {
  const { done, result } = await run(toneWav({ seconds: 90 }), 'direct-long')
  assert.deepEqual([done.status, done.duration_s, result.duration_s], ['completed', 90, 90])
  const stored = await system.ports.jobs.findResult(String(done.job_id))
  assert.ok(stored !== undefined && 'objectKey' in stored)
})

test('a recording that cannot be analysed ends as failed with the analyser’s reason', async () => {
  const { done } = await run(Buffer.concat([toneWav().subarray(0, 36), Buffer.from('junk')]), 'direct-junk')
  const error = done.error as Body
  assert.deepEqual([done.status, error.code, error.retryable], ['failed', 'recording-undecodable', false])
})

test('the timeline tells the direct route’s own story', async () => {
  const { job } = await run(recording('queue-en.wav'), 'direct-told')
  await system.ports.timeline.flush()
  const { body } = await getJson(`${system.url}/v1/jobs/${job.job_id}/timeline`)
  const explanation = (body.explanation as string[]).join('\n')
  assert.match(explanation, /by the direct route/)
  assert.doesNotMatch(explanation, /SQS|Redis/)
})
