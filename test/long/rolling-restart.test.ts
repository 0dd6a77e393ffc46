import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { createArrivals } from '../contracts/arrivals.ts'
import { openEvents } from '../support/events.ts'
import { skipWithoutPostgres } from '../support/postgres.ts'
import { toneWav } from '../support/recordings.ts'
import { assertEachOnce, assertInOrder, startRoleProcesses, WORKERS } from '../support/role-processes.ts'
import { TEST_KEY } from '../support/system.ts'

const LANES = 6
/** What goes on between two restarts. */
const JOBS_BETWEEN = 10
/** STOP_TIMEOUT_S, and what may be given back after it. */
const STOP_MS = 30_000
const skip = skipWithoutPostgres
const roles = skip ? undefined : await startRoleProcesses({ apis: 2 })
const urls = roles?.urls ?? []
const WAV = toneWav({ seconds: 0.4 })

interface Accepted {
  readonly job_id: string
  readonly event_cursor: string | null
}

/** As a client that knows both APIs: asks the other when one is not there; the key makes the repeat harmless. */
async function upload(turn: number, refusals: string[]): Promise<Accepted> {
  const headers = {
    authorization: `Bearer ${TEST_KEY}`,
    'content-type': 'audio/wav',
    'idempotency-key': randomUUID(),
  }
  for (let go = turn; ; go += 1) {
    const response = await fetch(`${urls[go % urls.length]}/v1/jobs`, { method: 'POST', headers, body: WAV }).catch(
      (error: Error) => error,
    )
    if (response instanceof Error) refusals.push(`${(response.cause as { code?: string })?.code}`)
    else if (response.status === 202) return (await response.json()) as Accepted
    else assert.equal(response.status, 503, await response.text())
    await new Promise(setImmediate)
  }
}

/** Follows a job to its end, and opens the stream again on the other API when one ends before that. */
async function follow({ job_id, event_cursor }: Accepted, turn: number): Promise<string[]> {
  const statuses: string[] = []
  let cursor = event_cursor ?? undefined
  for (let go = turn; statuses.at(-1) !== 'completed'; go += 1) {
    const headers: Record<string, string> = cursor === undefined ? {} : { 'last-event-id': cursor }
    const url = `${urls[go % urls.length]}/v1/jobs/${job_id}/events`
    const stream = await openEvents(url, TEST_KEY, headers).catch(() => undefined)
    await stream?.ended.catch(() => {})
    for (const { id, data, event } of stream?.events ?? []) {
      assert.notEqual(event, 'failed', JSON.stringify(data))
      cursor = id ?? cursor
      const status = String(data.status)
      // A snapshot, and further percentages, repeat the status that is known.
      if (data.status !== undefined && status !== statuses.at(-1)) statuses.push(status)
    }
    await new Promise(setImmediate)
  }
  return statuses
}

test('every role restarted in turn under load: nothing lost, doubled or turned back, each exits 0 in time', {
  skip,
}, async () => {
  const ended = createArrivals<string[]>()
  const refusals: string[] = []
  let going = true
  const lane = async (first: number): Promise<void> => {
    for (let turn = first; going; turn += LANES) ended.add(await follow(await upload(turn, refusals), turn + 1))
  }
  const lanes = Array.from({ length: LANES }, (_, first) => lane(first))
  const failed = Promise.all(lanes).then(() => undefined)
  const more = () => Promise.race([ended.until(ended.items.length + JOBS_BETWEEN), failed])
  for (const role of ['api-0', 'api-1', ...WORKERS, 'forward', 'api-0']) {
    await more()
    const began = performance.now()
    assert.deepEqual(await roles?.running.get(role)?.kill('SIGTERM'), { code: 0, signal: null }, role)
    assert.ok(performance.now() - began < STOP_MS, `${role} took ${performance.now() - began} ms`)
    await roles?.start(role)
  }
  await more()
  going = false
  await failed
  assertInOrder(ended.items)
  await assertEachOnce(roles!.databaseUrl, ended.items.length)
  // A server that closes may cut a connection on which nothing has been asked yet, never an answer.
  for (const code of refusals) assert.match(code, /^(ECONNREFUSED|ECONNRESET|UND_ERR_SOCKET)$/)
})
