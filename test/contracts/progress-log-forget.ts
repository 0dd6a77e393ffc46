import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JobStatus } from '../../src/domain/job.ts'
import type { ProgressEvent } from '../../src/domain/progress-event.ts'
import type { ProgressLog } from '../../src/ports.ts'

type EventsOf = (fields: { owner: string }) => (status: JobStatus, progress: number) => ProgressEvent

/** What every progress log promises when an owner is deleted. */
export function describeForgetting(log: () => ProgressLog, eventsOf: EventsOf): void {
  test('a forgotten log begins anew, knows its jobs no more, and others keep theirs', async () => {
    const events = ['acme', 'other'].map((owner) => eventsOf({ owner })('stored', 25))
    const [event, others] = events as [ProgressEvent, ProgressEvent]
    await log().publish(events.map((one) => ({ event: one, seed: one })))
    const before = await log().head('acme')
    await log().forget('acme', [event.jobId])
    assert.notEqual((await log().head('acme')).epoch, before.epoch)
    assert.deepEqual(await log().publish([{ event }, { event: others }]), ['unknown', 'known'])
    await log().forget('acme', [])
  })
}
