import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explainJob, formatSpan } from '../../../src/domain/explain-job.ts'
import { JOB_STATUSES, type Job, type JobStatus } from '../../../src/domain/job.ts'
import { HOPS, sentenceOf, type TimelineRow } from '../../../src/domain/timeline.ts'

const START = Date.UTC(2026, 10, 21, 10)
const at = (seconds: number) => new Date(START + seconds * 1000)
const RULES = { stalledAfterS: 15, inFlightCheckS: 120, reconcileIntervalS: 5, maxJobAgeS: 86_400, retentionDays: 90 }
const NOW = at(100)

function jobIn(status: JobStatus, more: Partial<Job> = {}): Job {
  const isOver = ['completed', 'failed', 'cancelled'].includes(status)
  const error = { code: 'analysis-timeout', stage: 'analysing', detail: 'It took too long', retryable: true } as const
  return {
    ...{ jobId: '019aa7de-6f2b-7c3e-9a55-0c2f6a1b2c3d', owner: 'acme', tokenId: null, status, attempt: 1, progress: 0 },
    ...{ message: '', route: 'queue', filename: null, contentType: 'audio/wav', objectKey: 'k', sizeBytes: 1 },
    ...{ sha256: null, durationS: null, priority: 'normal', metadata: {}, callbackUrl: null, notBefore: null },
    ...{ traceparent: null, createdAt: at(0), updatedAt: at(10), finishedAt: isOver ? at(10) : null },
    ...{ error: status === 'failed' ? error : null, reference: null, purgedAt: null },
    ...more,
  }
}

function hop(seconds: number, step: string, more: Partial<TimelineRow> = {}): TimelineRow {
  const [name = '', outcome = ''] = step.split(' ')
  const nothing = { attempt: 1, messageId: null, receiveCount: null, detail: null, worker: 'forward@h:1' }
  return { at: at(seconds), hop: name, outcome, ...nothing, ...more }
}

function explain(job: Job, hops: readonly TimelineRow[] = []): string[] {
  return explainJob({ job, hops, uploadDeadlineAt: at(900), rules: RULES, now: NOW })
}
const nextOf = (job: Job, hops: readonly TimelineRow[] = []) => explain(job, hops).at(-1) ?? ''

test('in every status it says where the job is, for how long, and what comes next, in few sentences', () => {
  for (const status of JOB_STATUSES) {
    const lines = explain(jobIn(status))
    assert.match(lines[0] ?? '', /^Job 019aa7de.* of acme, made 2026-11-21 10:00:00.000Z, attempt 1/)
    assert.match(lines.at(-2) ?? '', new RegExp(`^Now: ${status} since 2026-11-21 10:00:10.000Z, 1 min 30 s ago\\.`))
    assert.match(lines.at(-1) ?? '', /^Next: \S.*\.$/)
    assert.ok(lines.length <= 5, lines.join('\n'))
  }
})

test('what comes next is told with the time by which it comes at the latest', () => {
  assert.match(nextOf(jobIn('uploading')), /not so by 2026-11-21 10:15:00.000Z, .*upload-expired\) within 5 s/)
  assert.match(nextOf(jobIn('stored')), /added to the queue.*first by 2026-11-21 10:00:30.000Z.*adds it/)
  assert.match(nextOf(jobIn('forwarded')), /first by 2026-11-21 10:02:15.000Z.*sends the order again if both/)
  for (const status of ['stored', 'queued', 'forwarded', 'analysing'] as const) {
    assert.match(nextOf(jobIn(status)), /at 2026-11-22 10:00:05.000Z, it ends as failed \(job-too-old\)/)
  }
  assert.match(nextOf(jobIn('completed')), /kept until 2027-02-19 10:00:10.000Z/)
})

test('a job that is held back says until when, and is not looked at or given up before', () => {
  const next = nextOf(jobIn('queued', { notBefore: at(7200) }))
  assert.match(next, /held back until 2026-11-21 12:00:00.000Z/)
  assert.match(next, /first by 2026-11-21 12:00:20.000Z/)
  assert.match(next, /at 2026-11-22 12:00:05.000Z, it ends/)
})

test('a look that was taken moves the next one, and an answer on its way is waited for', () => {
  const looked = [hop(30, 'reconcile added-again')]
  assert.match(nextOf(jobIn('queued'), looked), /again by 2026-11-21 10:15:35.000Z/)
  assert.match(nextOf(jobIn('analysing'), [hop(50, 'answer sent')]), /its answer is in the results queue/)
})

test('a failed job says with what, where, and whether and how it is retried', () => {
  const [state, next] = explain(jobIn('failed')).slice(-2)
  assert.match(state ?? '', /It failed while analysing, with analysis-timeout: It took too long\./)
  assert.match(next ?? '', /POST \/v1\/jobs\/019aa7de\S+\/retry begins attempt 2/)
  const error = { code: 'recording-undecodable', stage: 'analysing', detail: 'x', retryable: false } as const
  assert.match(nextOf(jobIn('failed', { error })), /a retry cannot help/)
  assert.match(nextOf(jobIn('failed', { purgedAt: at(20) })), /cannot be retried.*taken by retention at/)
})

test('repeats are counted, also those that alternate, and receives are told', () => {
  const hops = [1, 2, 3].flatMap((count) => [
    hop(count * 10, 'analyse received', { receiveCount: count }),
    hop(count * 10 + 5, 'analyse failed', { detail: 'storage-unavailable', receiveCount: count }),
  ])
  const lines = explain(jobIn('analysing'), hops).slice(1, -2)
  assert.deepEqual(lines, [
    '2026-11-21 10:00:10.000Z  An analyser received the order, 3 times until 2026-11-21 10:00:30.000Z, receive 3  [forward@h:1]',
    '2026-11-21 10:00:15.000Z  The analysis broke off; SQS brings the order again (storage-unavailable), 3 times until 2026-11-21 10:00:35.000Z, receive 3  [forward@h:1]',
  ])
})

test('earlier attempts take a line each, and a long history is cut in its middle', () => {
  const first = [hop(1, 'upload received'), hop(9, 'record failed', { detail: 'analysis-timeout' })]
  const second = Array.from({ length: 30 }, (_, index) =>
    hop(20 + index, 'forward failed', { attempt: 2, detail: `code-${index}` }),
  )
  const lines = explain(jobIn('queued', { attempt: 2 }), [...first, ...second])
  assert.equal(lines[1], 'Attempt 1: 2 hops, the last: The failure was recorded (analysis-timeout).')
  assert.ok(lines.includes('… 22 more …'), lines.join('\n'))
  assert.ok(lines.some((line) => line.includes('code-0')) && lines.some((line) => line.includes('code-29')))
  assert.ok(lines.length <= 14)
})

test('every hop has a sentence, and one of a later release is told in its own words', () => {
  assert.ok(HOPS.length >= 12)
  assert.equal(sentenceOf({ hop: 'forward', outcome: 'sent' }), 'The order to analyse it was sent to SQS')
  assert.equal(sentenceOf({ hop: 'teleport', outcome: 'done' }), 'teleport: done')
  assert.equal(sentenceOf({ hop: 'constructor', outcome: 'name' }), 'constructor: name')
})

test('a span is told by its two largest units', () => {
  assert.deepEqual([0, 59_400, 3_723_000, 90_000_000].map(formatSpan), ['0 s', '59 s', '1 h 2 min', '1 d 1 h'])
})
