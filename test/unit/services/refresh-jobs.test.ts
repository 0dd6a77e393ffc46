import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Job } from '../../../src/domain/job.ts'
import { followOwner } from '../../../src/services/follow-owner.ts'
import type { Following } from '../../../src/services/follower.ts'
import { publishJobs } from '../../../src/services/publish-job.ts'
import { createRefresher } from '../../../src/services/refresh-jobs.ts'
import { changeTo, newJob } from '../../contracts/job-store-suite.ts'
import { addJob, createFakePorts, type FakePorts } from '../../support/fake-ports.ts'
import { addFollowedJob, createSink } from './followers.ts'

const OWNER = 'acme'
const ALL = { jobIds: [], owners: [OWNER] }

/** Ends the row, as a process does that dies before it publishes. */
async function endUntold(ports: FakePorts, { jobId }: Job): Promise<void> {
  await ports.jobs.advance([changeTo(jobId, 'completed')])
}

const followedBy = (following: Following) => ({ jobIds: following.openJobs(), owners: [] })

test('who follows all jobs from a cursor is told of an end that nobody told, of a job never heard of', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'analysing')
  await endUntold(ports, job)
  const sink = createSink()
  const following = await followOwner(ports, OWNER, undefined, cursor, sink)
  assert.deepEqual(following.openJobs(), [])
  const refresh = createRefresher(ports)
  await refresh(ALL)
  await refresh(ALL)
  assert.deepEqual(sink.steps, ['completed completed 100'])
})

test('who names jobs is told of an end that nobody told, and then waits for that no more', async () => {
  const ports = createFakePorts()
  const { job: ending } = await addFollowedJob(ports, 'analysing')
  const { job: other, cursor } = await addFollowedJob(ports, 'queued')
  await endUntold(ports, ending)
  const sink = createSink()
  const following = await followOwner(ports, OWNER, new Set([ending.jobId, other.jobId]), cursor, sink)
  assert.deepEqual(following.openJobs(), [ending.jobId, other.jobId])
  await createRefresher(ports)(followedBy(following))
  assert.deepEqual(sink.steps, ['completed completed 100'])
  assert.deepEqual(following.openJobs(), [other.jobId])
})

test('a job that ended long ago and that the log has forgotten is not told to everybody again', async () => {
  const ports = createFakePorts()
  const { job: old } = await addFollowedJob(ports, 'completed')
  const recent = await addJob(ports, 'completed')
  await ports.jobs.age(old.jobId, 1000)
  ports.progress.flush()
  const { cursor } = await addFollowedJob(ports, 'queued')
  const sink = createSink()
  const following = await followOwner(ports, OWNER, new Set([old.jobId, recent.jobId]), cursor, sink)
  await createRefresher(ports)(followedBy(following))
  assert.deepEqual(
    sink.frames.map(({ data }) => JSON.parse(data).job_id),
    [recent.jobId],
  )
})

test('ends are looked for as far back as an owner was not refreshed, an outage of the log included', async () => {
  const ports = createFakePorts()
  let nowMs = 0
  const asked: [string, number][] = []
  const { findEnded } = ports.jobs
  const jobs: FakePorts['jobs'] = {
    ...ports.jobs,
    findEnded: (lists, withinS, most) => {
      for (const { owner } of lists) asked.push([owner, withinS])
      return findEnded(lists, withinS, most)
    },
  }
  const refresh = createRefresher({ ...ports, jobs }, () => nowMs)
  const { job } = await addFollowedJob(ports, 'analysing')
  const at = async (second: number, ...owners: string[]) => {
    nowMs = second * 1000
    await refresh({ jobIds: [], owners })
    return asked.splice(0)
  }
  assert.deepEqual(await at(0, OWNER), [[OWNER, 3600]])
  assert.deepEqual(await at(14, OWNER, 'other'), [
    [OWNER, 74],
    ['other', 3600],
  ])
  ports.progress.setDown(true)
  assert.deepEqual(await at(28, OWNER), [[OWNER, 74]])
  await endUntold(ports, job)
  assert.deepEqual(await at(300, OWNER), [[OWNER, 346]])
  ports.progress.setDown(false)
  assert.deepEqual(await at(600, OWNER), [[OWNER, 646]])
  assert.equal(ports.progress.entries.at(-1)?.event.status, 'completed')
  assert.deepEqual(await at(614), [])
  assert.deepEqual(await at(628, OWNER), [[OWNER, 3600]])
  assert.ok(ports.metrics.counted('publish_failures', { code: 'progress-unavailable' }) > 0)
})

test('an unfinished row is told again by what it says, after a flush too', async () => {
  const ports = createFakePorts()
  const { job } = await addFollowedJob(ports, 'queued')
  await publishJobs(ports, [job])
  ports.progress.flush()
  await createRefresher(ports)(ALL)
  assert.deepEqual(
    ports.progress.entries.map(({ event }) => event.status),
    ['queued'],
  )
})

test('an end that nobody told for longer than a quarter of an hour is told while cursors from before it are good', async () => {
  const ports = createFakePorts()
  const { job, cursor } = await addFollowedJob(ports, 'analysing')
  await endUntold(ports, job)
  await ports.jobs.age(job.jobId, 3000)
  const sink = createSink()
  await followOwner(ports, OWNER, undefined, cursor, sink)
  await createRefresher(ports)(ALL)
  assert.deepEqual(sink.steps, ['completed completed 100'])
})

test('all ends of an outage are told, however many, before they count as told, and a page of them is held at a time', async () => {
  const ports = createFakePorts()
  const running = []
  for (let i = 0; i < 620; i += 1) running.push(await ports.jobs.create(newJob()))
  await publishJobs(ports, running)
  const { findEnded } = ports.jobs
  let mostAtOnce = 0
  const jobs: FakePorts['jobs'] = {
    ...ports.jobs,
    findEnded: async (...asked) => {
      const page = await findEnded(...asked)
      mostAtOnce = Math.max(mostAtOnce, page.length)
      return page
    },
  }
  const refresh = createRefresher({ ...ports, jobs })
  await refresh(ALL)
  await ports.jobs.advance(running.map(({ jobId }) => changeTo(jobId, 'cancelled')))
  await refresh(ALL)
  const told = ports.progress.entries.filter(({ event }) => event.status === 'cancelled')
  assert.deepEqual([told.length, mostAtOnce], [620, 100])
})

test('a row is read once: what is followed by name is read only where it is not among the unfinished', async () => {
  const ports = createFakePorts()
  const { job } = await addFollowedJob(ports, 'queued')
  const named = await addJob(ports, 'analysing', { owner: 'other' })
  const asked: string[] = []
  const { findMany } = ports.jobs
  const jobs: FakePorts['jobs'] = {
    ...ports.jobs,
    findMany: (jobIds) => {
      asked.push(...jobIds)
      return findMany(jobIds)
    },
  }
  await createRefresher({ ...ports, jobs })({ jobIds: [job.jobId, named.jobId], owners: [OWNER] })
  assert.deepEqual(asked, [named.jobId])
  assert.equal(ports.progress.entries.at(-1)?.event.jobId, named.jobId)
})
