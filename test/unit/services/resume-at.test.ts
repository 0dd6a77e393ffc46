import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resumeAt } from '../../../src/services/follow-job.ts'
import { publishJobs } from '../../../src/services/publish-job.ts'
import { changeTo } from '../../contracts/job-store-suite.ts'
import { addJob, createFakePorts } from '../../support/fake-ports.ts'
import { makeJob } from '../../support/jobs.ts'

const hasSeenTheEnd = async (...given: Parameters<typeof resumeAt>) => (await resumeAt(...given)) === 'past-the-end'

/** A job that the log saw waiting and then ended; `before` is the cursor in between, `after` the log's end. */
async function addEndedJob(ports = createFakePorts()) {
  const waiting = await addJob(ports, 'queued')
  await publishJobs(ports, [waiting])
  const before = await ports.progress.head(waiting.owner)
  const [advanced] = await ports.jobs.advance([changeTo(waiting.jobId, 'completed')])
  const job = advanced?.job ?? waiting
  await publishJobs(ports, [job])
  const after = await ports.progress.head(job.owner)
  return { ports, waiting, job, before, after }
}

test('an end cursor of the current attempt has seen the end, whatever became of the log', async () => {
  const { ports, job, after } = await addEndedJob()
  const cursor = { ...after, end: { jobId: job.jobId, attempt: 1 } }
  assert.equal(await hasSeenTheEnd(ports, job, cursor), true)
  ports.progress.flush()
  ports.progress.setDown(true)
  assert.equal(await hasSeenTheEnd(ports, job, cursor), true)
})

test('an end cursor of an older attempt has not seen the end of this one', async () => {
  const { ports, job, after } = await addEndedJob()
  const retried = { ...job, attempt: 2 }
  assert.equal(await hasSeenTheEnd(ports, retried, { ...after, end: { jobId: job.jobId, attempt: 1 } }), false)
})

test('an end cursor forged for a later attempt ends only what has ended', async () => {
  const { ports, waiting, job, after } = await addEndedJob()
  const forged = { ...after, end: { jobId: job.jobId, attempt: 999 } }
  assert.equal(await hasSeenTheEnd(ports, waiting, forged), false)
  assert.equal(await hasSeenTheEnd(ports, job, forged), true)
})

test('an end cursor of another job counts by its position only', async () => {
  const { ports, job, before, after } = await addEndedJob()
  const end = { jobId: makeJob().jobId, attempt: 1 }
  assert.equal(await hasSeenTheEnd(ports, job, { ...before, end }), false)
  assert.equal(await hasSeenTheEnd(ports, job, { ...after, end }), true)
})

test('a heartbeat’s cursor has seen the end only past the terminal event', async () => {
  const { ports, job, before, after } = await addEndedJob()
  assert.equal(await hasSeenTheEnd(ports, job, before), false)
  assert.equal(await hasSeenTheEnd(ports, job, after), true)
})

test('a cursor at the log’s end has not seen a terminal event that was never published', async () => {
  const { ports, job, after } = await addEndedJob()
  const other = await addJob(ports, 'failed')
  assert.equal(await hasSeenTheEnd(ports, other, after), false)
  assert.equal(await hasSeenTheEnd(ports, job, after), true)
})

test('a cursor of another epoch, or none, has not seen the end', async () => {
  const { ports, job, after } = await addEndedJob()
  assert.equal(await hasSeenTheEnd(ports, job, { ...after, epoch: 'another' }), false)
  assert.equal(await hasSeenTheEnd(ports, job, undefined), false)
})

test('nobody has seen the end of a job that goes on', async () => {
  const { ports, waiting, after } = await addEndedJob()
  assert.equal(await hasSeenTheEnd(ports, waiting, after), false)
})

test('an end cursor forged for no attempt counts by its position, and does not wait for ever', async () => {
  const { ports, job, before, after } = await addEndedJob()
  const end = { jobId: job.jobId, attempt: 0 }
  assert.deepEqual(await resumeAt(ports, job, { ...before, end }), { from: { ...before, end } })
  assert.equal(await resumeAt(ports, job, { ...after, end }), 'past-the-end')
})

test('whoever looks at a job that the log has forgotten gets its end once more, and nobody else does', async () => {
  const { ports, job } = await addEndedJob()
  ports.progress.flush()
  const other = await addJob(ports, 'queued')
  await publishJobs(ports, [other])
  const cursor = await ports.progress.head(job.owner)
  assert.deepEqual(await resumeAt(ports, job, cursor), { from: undefined })
  assert.deepEqual(await ports.progress.head(job.owner), cursor)
})

test('an end that nobody told is told to all, and read from the cursor', async () => {
  const { ports, job } = await addEndedJob()
  const waiting = await addJob(ports, 'queued')
  await publishJobs(ports, [waiting])
  const cursor = await ports.progress.head(job.owner)
  const [advanced] = await ports.jobs.advance([changeTo(waiting.jobId, 'completed')])
  assert.deepEqual(await resumeAt(ports, advanced?.job ?? waiting, cursor), { from: cursor })
  assert.equal(ports.progress.entries.at(-1)?.event.status, 'completed')
})
