/** The cutover: what operators do with its flag, and examples of it. */
import type { Operation } from './operation.ts'

const tag = 'admin'

/** By method and path. */
export const CUTOVER_OPERATIONS: Readonly<Record<string, Operation>> = {
  'GET /v1/admin/cutover': {
    id: 'getCutover',
    tag,
    summary: 'Read the cutover flag and its history',
    description: 'What share of owners takes the queue, since when, set by whom and why. Version 0: nobody has set it.',
  },
  'PUT /v1/admin/cutover': {
    id: 'putCutover',
    tag,
    summary: 'Set the cutover flag',
    description:
      'New jobs go by it within a second, within 5 s while Redis is down; jobs that are there keep their route. `version` is the one that was read: when somebody else was first the answer is 409 and says who. A `guard` that is left out is turned off.',
    problems: ['cutover-conflict', 'direct-route-missing'],
  },
}

const at = '2026-11-21T10:00:00.000Z'
const version = {
  version: 4,
  percent: 50,
  reason: 'Two days at 10 % without a difference',
  changed_by: 'ops',
  changed_at: at,
  origin: 'operator',
  allow: ['pilot-school'],
  deny: [],
  guard: null,
}
const state = { ...version, default_percent: 0, forced: null, effective: { percent: 50, by: 'flag' } }

const figures = {
  ...{ accepted: 480, completed: 471, failed: { 'analysis-failed': 2 } },
  ...{ retried: { 'analysis-failed': 1 }, cancelled: 1, owners: 209 },
  result_s: { p50: 2.1, p95: 4.8, p99: 7.9 },
  oldest_unfinished_s: 3.2,
}

export const CUTOVER_ANSWERS: Readonly<Record<string, unknown>> = {
  getCutover: {
    ...{ ...state, history: [version], next_before: null },
    routes: [
      { window_s: 300, queue: figures, direct: { ...figures, failed: {}, retried: {}, oldest_unfinished_s: null } },
    ],
    ratio_check: { owners: 412, expected_share: 0.5, share: 0.507, p_value: 1, ok: true },
    guard_state: {
      ...{ action: 'hold', why: 'Held for 900 s of 3600 s.', window: 1, evidence: 1.4, threshold: 822.5 },
      ...{ looked_at: '2026-11-21T10:15:30.123Z', stale: false },
      owners: { queue: 209, direct: 203 },
      failing_owners: { queue: 4, direct: 3 },
    },
  },
  putCutover: state,
}

export const CUTOVER_BODIES: Readonly<Record<string, unknown>> = {
  putCutover: {
    percent: 50,
    reason: 'Two days at 10 % without a difference',
    version: 3,
    guard: { steps: [1, 10, 50, 80, 100], hold_s: 3600, min_owners: 300 },
  },
}
