import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explainJob } from '../../../src/domain/explain-job.ts'
import type { OpenLetter } from '../../../src/domain/explain-letters.ts'
import { JOB_STATUSES, type Job, type JobStatus, ROUTE_REASONS } from '../../../src/domain/job.ts'
import { formatSpan } from '../../../src/domain/time-words.ts'
import { HOPS, sentenceOf, type TimelineRow } from '../../../src/domain/timeline.ts'

const START = Date.UTC(2026, 10, 21, 10)
const at = (seconds: number) => new Date(START + seconds * 1000)
const RULES = {
  ...{ stalledAfterS: 15, inFlightCheckS: 120, reconcileIntervalS: 5, maxJobAgeS: 86_400, retentionDays: 90 },
  ...{ directTimeoutS: 10, directAnswerTimeoutS: 1800 },
}
const NOW = at(100)
const QUIET = { hops: [], letters: [], forOperator: true, uploadDeadlineAt: at(900), rules: RULES, now: NOW } as const

function jobIn(status: JobStatus, more: Partial<Job> = {}): Job {
  const isOver = ['completed', 'failed', 'cancelled'].includes(status)
  const error = { code: 'analysis-timeout', stage: 'analysing', detail: 'It took too long', retryable: true } as const
  return {
    ...{ jobId: '019aa7de-6f2b-7c3e-9a55-0c2f6a1b2c3d', owner: 'acme', tokenId: null, status, attempt: 1, progress: 0 },
    ...{ message: '', route: 'queue', filename: null, contentType: 'audio/wav', objectKey: 'k', sizeBytes: 1 },
    ...{ sha256: null, durationS: null, priority: 'normal', metadata: {}, callbackUrl: null, notBefore: null },
    ...{ traceparent: null, createdAt: at(0), updatedAt: at(10), finishedAt: isOver ? at(10) : null },
    ...{
      error: status === 'failed' ? error : null,
      reference: null,
      purgedAt: null,
      routeReason: null,
      flagVersion: null,
    },
    ...more,
  }
}

function hop(seconds: number, step: string, more: Partial<TimelineRow> = {}): TimelineRow {
  const [name = '', outcome = ''] = step.split(' ')
  const nothing = { attempt: 1, messageId: null, receiveCount: null, detail: null, worker: 'forward@h:1' }
  return { at: at(seconds), hop: name, outcome, ...nothing, ...more }
}

function explain(job: Job, hops: readonly TimelineRow[] = []): string[] {
  return explainJob({ ...QUIET, job, hops })
}

const LETTER_ID = '5fea7756-0ea4-451a-a703-a558b933e274'
const LETTER: OpenLetter = {
  ...{ letterId: LETTER_ID, source: 'analysis', attempt: 1, code: 'analysis-abandoned', stage: 'analysing' },
  ...{ receiveCount: 6, firstSeenAt: at(40) },
}
const explainWith = (job: Job, letters: readonly OpenLetter[], forOperator = true): string[] =>
  explainJob({ ...QUIET, job, letters, forOperator })
/** What a redrive would come to, in the words of the sentence. */
const redriveOf = (job: Job, letter: Partial<OpenLetter> = {}): string | undefined =>
  / then (a redrive [^:]+):/.exec(explainWith(job, [{ ...LETTER, ...letter }]).join('\n'))?.[1]
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

test('on the direct route neither SQS nor Redis has a say in what comes next', () => {
  for (const status of JOB_STATUSES) {
    assert.doesNotMatch(explain(jobIn(status, { route: 'direct' })).join(' '), /SQS|Redis|forwarder/)
  }
  const direct = (status: JobStatus, more: Partial<Job> = {}) => nextOf(jobIn(status, { route: 'direct', ...more }))
  assert.match(direct('stored'), /posted to the analysis server.*again, first by 2026-11-21 10:00:40.000Z/)
  assert.match(direct('stored', { notBefore: at(7200) }), /held back until 2026-11-21 12:00:00.000Z/)
  for (const status of ['forwarded', 'analysing'] as const) {
    assert.match(direct(status), /answers by webhook.*by 2026-11-21 10:30:15.000Z .*analysis-server-silent/)
    assert.match(direct(status), /at 2026-11-22 10:00:05.000Z, it ends as failed \(job-too-old\)/)
  }
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

test('an open dead letter is told before where the job is: what, since when, and what an operator can do', () => {
  const [, , letter, state] = explainWith(jobIn('failed'), [LETTER])
  assert.equal(
    letter,
    `Open dead letter ${LETTER_ID} (analysis, receive 6) since 2026-11-21 10:00:40.000Z, 1 min ago: ` +
      'analysis-abandoned (while analysing, in attempt 1). ' +
      'Mend the cause first; then a redrive begins attempt 2 while the recording is kept: ' +
      `npm run dead-letters -- redrive --id ${LETTER_ID}; ` +
      `or close it: npm run dead-letters -- discard --id ${LETTER_ID} --reason "…". ` +
      `All of it: npm run dead-letters -- explain ${LETTER_ID}`,
  )
  assert.match(state ?? '', /^Now: failed/)
})

test('its owner is told of an open dead letter what and since when, and nothing that only operators may use', () => {
  const lines = explainWith(jobIn('failed'), [LETTER], false)
  assert.equal(
    lines[2],
    'Open dead letter since 2026-11-21 10:00:40.000Z, 1 min ago: analysis-abandoned (while analysing, in attempt 1). ' +
      'It is kept until an operator has decided about it.',
  )
  assert.doesNotMatch(lines.join('\n'), new RegExp(`dead-letters|redrive|${LETTER_ID}`))
})

test('what a redrive would come to is told as redriving does it', () => {
  const error = { code: 'recording-undecodable', stage: 'analysing', detail: 'x', retryable: false } as const
  const refused = 'a redrive is refused, for the job cannot be retried'
  assert.equal(redriveOf(jobIn('queued', { attempt: 2 })), 'a redrive only closes it, for attempt 2 has begun')
  assert.equal(redriveOf(jobIn('completed')), refused)
  assert.equal(redriveOf(jobIn('failed', { error })), refused)
  assert.equal(redriveOf(jobIn('failed', { purgedAt: at(50) })), refused)
  const poison = { stage: null, attempt: null } as const
  assert.equal(redriveOf(jobIn('completed'), { ...poison, source: 'results' }), 'a redrive sends it again')
  assert.match(redriveOf(jobIn('completed'), { ...poison, source: 'forward' }) ?? '', /refused, .* nothing to send/)
})

test('the route comes with why it was taken, and by which version of the flag', () => {
  const head = (fields: Partial<Job>) => explain(jobIn('stored', fields))[0]
  assert.match(head({}) ?? '', /by the queue route\.$/)
  const decided = head({ route: 'direct', routeReason: 'percentage', flagVersion: 4 })
  assert.match(decided ?? '', /by the direct route \(by the percentage of the cutover, flag version 4\)\.$/)
  assert.match(head({ routeReason: 'no-direct-route' }) ?? '', /by the queue route \(there is no other\)\.$/)
  for (const routeReason of ROUTE_REASONS) assert.doesNotMatch(head({ routeReason }) ?? '', /undefined/)
})

test('of many open dead letters the newest are told, and where the others are', () => {
  const job = jobIn('failed')
  const lines = explainWith(job, Array(4).fill(LETTER))
  assert.equal(lines.filter((line) => line.startsWith(`Open dead letter ${LETTER_ID}`)).length, 3)
  assert.equal(lines.at(-3), `The job has more open dead letters. npm run dead-letters -- list --job ${job.jobId}`)
  assert.equal(explainWith(job, Array(4).fill(LETTER), false).at(-3), 'The job has more open dead letters.')
  assert.deepEqual(explainWith(job, []), explain(job))
})
