import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createReader, passEntry, passGap, passSnapshots, standingOf } from '../../../src/domain/event-reader.ts'
import type { JobStatus } from '../../../src/domain/job.ts'
import { makeJob } from '../../support/jobs.ts'

const job = makeJob()
const entry = (seq: number, status: JobStatus, progress: number, { jobId = job.jobId, attempt = 1 } = {}) => ({
  epoch: 'e',
  seq,
  event: { jobId, attempt, status, progress, data: JSON.stringify({ status, progress }) },
})

test('each step is sent once and in order, with its position as id', () => {
  const reader = createReader(job, { epoch: 'e', seq: 0 })
  const steps = [
    entry(1, 'queued', 40),
    entry(2, 'forwarded', 60),
    entry(3, 'analysing', 65),
    entry(4, 'analysing', 80),
  ]
  assert.deepEqual(
    steps.map((step) => passEntry(reader, step)?.frame.id),
    ['e.1', 'e.2', 'e.3', 'e.4'],
  )
  assert.equal(passEntry(reader, entry(5, 'analysing', 80)), undefined)
  assert.equal(passEntry(reader, entry(6, 'forwarded', 90)), undefined)
})

test('other jobs move the position and send nothing', () => {
  const reader = createReader(job, { epoch: 'e', seq: 0 })
  assert.equal(passEntry(reader, entry(1, 'queued', 40, { jobId: 'other' })), undefined)
  assert.deepEqual(reader.position, { epoch: 'e', seq: 1 })
})

test('the terminal event is named after its status, marks its id, and is the last', () => {
  const reader = createReader(job, { epoch: 'e', seq: 0 })
  const frame = passEntry(reader, entry(1, 'completed', 100))?.frame
  assert.equal(frame?.event, 'completed')
  assert.equal(frame?.id, `e.1.1.${job.jobId}`)
  assert.equal(passEntry(reader, entry(2, 'queued', 40, { attempt: 2 })), undefined)
})

test('the end of an earlier attempt is told on the way, and only that of the current one is the last', () => {
  const reader = createReader({ jobId: job.jobId, attempt: 2 }, { epoch: 'e', seq: 0 })
  const steps = [
    entry(1, 'failed', 40),
    entry(2, 'stored', 25, { attempt: 2 }),
    entry(3, 'completed', 100, { attempt: 2 }),
  ]
  const told = steps.map((step) => [passEntry(reader, step)?.frame.event, reader.finished])
  assert.deepEqual(told, [
    ['failed', false],
    ['progress', false],
    ['completed', true],
  ])
})

test('what a snapshot told is not sent again', () => {
  const reader = createReader(job, undefined)
  const row = makeJob({ status: 'forwarded', progress: 60 })
  const [frame] = passSnapshots(reader, [row], { epoch: 'e', seq: 5 })
  assert.deepEqual([frame?.event, frame?.id], ['snapshot', 'e.5'])
  assert.equal(passEntry(reader, entry(6, 'forwarded', 60)), undefined)
  assert.equal(passEntry(reader, entry(7, 'analysing', 65))?.frame.id, 'e.7')
})

test('after a gap the percentage may be lower, the rank may not', () => {
  const reader = createReader(job, { epoch: 'e', seq: 0 })
  passEntry(reader, entry(1, 'analysing', 90))
  assert.equal(passGap(reader, new Date(0)).data, '{"at":"1970-01-01T00:00:00.000Z"}')
  assert.equal(passEntry(reader, entry(2, 'forwarded', 60)), undefined)
  assert.equal(passEntry(reader, entry(3, 'analysing', 70))?.frame.event, 'progress')
})

test('a hole, another epoch and an old entry are told apart', () => {
  const reader = createReader(job, { epoch: 'e', seq: 4 })
  assert.equal(standingOf(reader, { epoch: 'e', seq: 5 }), 'next')
  assert.equal(standingOf(reader, { epoch: 'e', seq: 4 }), 'old')
  assert.equal(standingOf(reader, { epoch: 'e', seq: 6 }), 'ahead')
  assert.equal(standingOf(reader, { epoch: 'f', seq: 5 }), 'ahead')
  const marked = createReader(job, { epoch: 'e', seq: 4, mark: '7' })
  assert.equal(standingOf(marked, { epoch: 'e', seq: 5, follows: '7' }), 'next')
  assert.equal(standingOf(marked, { epoch: 'e', seq: 5, follows: '8' }), 'ahead')
})

test('a log that begins afresh tells none of the last 500 ends again', () => {
  const reader = createReader({ jobIds: undefined }, { epoch: 'e', seq: 0 })
  const ends = Array.from({ length: 500 }, (_, i) => entry(i + 1, 'completed', 100, { jobId: `job-${i}` }))
  assert.ok(ends.every((end) => passEntry(reader, end) !== undefined))
  passGap(reader, new Date())
  assert.ok(ends.every((end) => passEntry(reader, { ...end, epoch: 'f' }) === undefined))
  assert.equal(reader.ended.size, 500)
})
