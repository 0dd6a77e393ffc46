/** What the tests of following share. */
import assert from 'node:assert/strict'
import type { Cursor } from '../../../src/domain/cursor.ts'
import type { Frame } from '../../../src/domain/event-reader.ts'
import type { Job, JobStatus } from '../../../src/domain/job.ts'
import { toProgressEvent } from '../../../src/domain/progress-event.ts'
import type { Ports, ProgressLog } from '../../../src/ports.ts'
import { publishEvents, publishJobs } from '../../../src/services/publish-job.ts'
import { changeTo } from '../../contracts/job-store-suite.ts'
import { addJob, createFakePorts, type FakePorts } from '../../support/fake-ports.ts'

/** Keeps the frames, and fails on one after the end. */
export function createSink() {
  const frames: Frame[] = []
  let ends = 0
  return {
    frames,
    send: (frame: Frame) => {
      assert.equal(ends, 0, 'nothing comes after the end')
      frames.push(frame)
    },
    end: () => {
      ends += 1
    },
    get ends() {
      return ends
    },
    /** `event status progress` of each frame. */
    get steps() {
      return frames.map(({ event, data }) => {
        const { status, progress } = JSON.parse(data)
        return event === 'gap' ? event : `${event} ${status} ${progress}`
      })
    },
  }
}

/** Moves the row and publishes it, as every hop does. */
export async function moveTo(ports: FakePorts, { jobId }: Job, status: JobStatus): Promise<Job> {
  const [advanced] = await ports.jobs.advance([changeTo(jobId, status)])
  assert.ok(advanced?.job)
  await publishJobs(ports, [advanced.job])
  return advanced.job
}

/** What an analyser reports between two statuses. */
export const report = (ports: FakePorts, job: Job, progress: number): Promise<void> =>
  publishEvents(ports, [toProgressEvent(job, { progress })])

/** A job that the log knows, and the log's position behind it. */
export async function addFollowedJob(ports: FakePorts, status: JobStatus): Promise<{ job: Job; cursor: Cursor }> {
  const job = await addJob(ports, status)
  await publishJobs(ports, [job])
  return { job, cursor: await ports.progress.head(job.owner) }
}

/** Does something once, at the moment a method of the log has looked and has not answered yet. */
export function during(ports: FakePorts, method: 'read' | 'head', action: () => Promise<unknown> | unknown): Ports {
  let done = false
  const once = async <T>(looking: Promise<T>): Promise<T> => {
    const answer = await looking
    if (!done) {
      done = true
      await action()
    }
    return answer
  }
  const { read, head } = ports.progress
  const wrapped: Pick<Ports['progress'], 'read' | 'head'> =
    method === 'read'
      ? { head, read: (owner, after) => once(read(owner, after)) }
      : { read, head: (owner) => once(head(owner)) }
  return { ...ports, progress: { ...ports.progress, ...wrapped } }
}

/** Ports whose log counts what it is asked for, and whose subscriber hears nothing while `isDeaf`. */
export function createDeafPorts() {
  const ports = createFakePorts()
  const { read, head, subscribe } = ports.progress
  const asked = { reads: 0, heads: 0, isDeaf: false }
  const log: Pick<ProgressLog, 'read' | 'head' | 'subscribe'> = {
    read: (owner, after) => {
      asked.reads += 1
      return read(owner, after)
    },
    head: (owner) => {
      asked.heads += 1
      return head(owner)
    },
    subscribe: (owner, { onEntry, onInterrupted }) =>
      subscribe(owner, { onInterrupted, onEntry: (entry) => (asked.isDeaf ? undefined : onEntry(entry)) }),
  }
  Object.assign(ports.progress, log)
  return { ports, asked }
}
