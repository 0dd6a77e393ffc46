/** What tests of outages share: a system in a hurry, uploads, and the end of each. */
import assert from 'node:assert/strict'
import { openEvents } from './events.ts'
import { toneWav } from './recordings.ts'
import { TEST_KEY, type TestSystem, uploadRaw } from './system.ts'

export const ALL_ROLES = ['api', 'forward', 'analyse', 'record', 'reconcile'] as const
export const FAST = { STALLED_AFTER_S: '0.2', RECONCILE_INTERVAL_S: '0.1', IN_FLIGHT_CHECK_S: '1' }

type Place = Pick<TestSystem, 'url'>

/** The accepted job. */
export async function uploadTone({ url }: Place, bytes: Uint8Array = toneWav()): Promise<Record<string, unknown>> {
  const response = await uploadRaw(url, bytes)
  assert.equal(response.status, 202)
  return (await response.json()) as Record<string, unknown>
}

/** Follows a job until it has ended, opening the stream again as a browser would. */
export async function statusAtEnd({ url }: Place, jobId: unknown): Promise<unknown> {
  for (;;) {
    const stream = await openEvents(`${url}/v1/jobs/${jobId}/events`, TEST_KEY)
    await stream.ended
    const last = stream.events.at(-1)?.data.status
    if (['completed', 'failed', 'cancelled'].includes(String(last))) return last
  }
}
