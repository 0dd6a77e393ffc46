/** Dead letters: what operators do with them, and examples of it. */
import type { Operation } from './operation.ts'

const tag = 'admin'

/** By method and path. */
export const LETTER_OPERATIONS: Readonly<Record<string, Operation>> = {
  'GET /v1/admin/dead-letters': {
    id: 'listDeadLetters',
    tag,
    summary: 'List or group dead letters',
    description: 'Newest first, without their payloads. With `group_by` counts, of all that match.',
  },
  'GET /v1/admin/dead-letters/{letter_id}': {
    id: 'getDeadLetter',
    tag,
    summary: 'Read a dead letter with its payload',
    problems: ['letter-not-found'],
  },
  'POST /v1/admin/dead-letters/redrive': {
    id: 'redriveDeadLetters',
    tag,
    summary: 'Redrive dead letters',
    description:
      'A letter that ended an attempt starts the next one of its job; any other is sent to its queue again. What is not possible is told for each letter, which stays open. Answers within about 10 s: while there is a `next_cursor`, call again with it.',
    problems: ['storage-unavailable'],
  },
  'POST /v1/admin/dead-letters/discard': {
    id: 'discardDeadLetters',
    tag,
    summary: 'Discard dead letters',
    description: 'They are kept, with the reason, until retention takes them. Their jobs stay as they are.',
  },
}

const at = '2026-11-21T10:00:00.000Z'
const LETTER_ID = '7b0f3c52-9a41-4c7e-8a55-0c2f6a1b2c3d'
const JOB_ID = '019aa7de-6f2b-7c3e-9a55-0c2f6a1b2c3d'
const body = `{"version":1,"job_id":"${JOB_ID}","attempt":1}`
const letter = {
  letter_id: LETTER_ID,
  source: 'analysis',
  message_id: '2c5f0a3e-1111-4222-8333-944455556666',
  job_id: JOB_ID,
  attempt: 1,
  owner: 'acme',
  code: 'analysis-abandoned',
  detail: 'The order to analyse was handed out 5 times and never came to an end',
  stage: 'analysing',
  receive_count: 6,
  first_seen_at: at,
  last_seen_at: at,
  state: 'open',
  resolved_at: null,
  resolved_by: null,
  reason: null,
  redriven_attempt: null,
  size_bytes: body.length,
  excerpt: body,
}

export const LETTER_ANSWERS: Readonly<Record<string, unknown>> = {
  listDeadLetters: { items: [letter], next_cursor: null },
  getDeadLetter: { ...letter, body, job: { status: 'failed', attempt: 1 } },
  redriveDeadLetters: {
    dry_run: false,
    items: [{ letter_id: LETTER_ID, job_id: JOB_ID, outcome: 'redriven', attempt: 2, code: null, detail: null }],
    next_cursor: null,
  },
  discardDeadLetters: { dry_run: true, discarded: 3 },
}

export const LETTER_BODIES: Readonly<Record<string, unknown>> = {
  redriveDeadLetters: { filter: { code: 'analysis-abandoned', stage: 'analysing' }, limit: 100, rate_per_s: 20 },
  discardDeadLetters: { filter: { code: 'message-invalid' }, reason: 'Sent by a test', dry_run: true },
}
