/** What happens to a job, hop by hop, in words for programs (`hop`, `outcome`) and for a person (the sentence). */

const OUTCOMES = {
  upload: {
    received: 'The upload began',
    offered: 'URLs to send the recording to S3 were handed out',
    stored: 'The recording was stored',
    failed: 'The upload failed',
    cancelled: 'The client gave the upload up',
  },
  dispatch: {
    queued: 'The job was added to the queue in Redis',
    deferred: 'The job could not be added to the queue; the reconciler does it later',
  },
  forward: {
    sent: 'The order to analyse it was sent to SQS',
    repeat: 'The queue in Redis brought it again, with nothing left to do',
    failed: 'The order could not be sent; the queue tries again',
  },
  direct: {
    sent: 'The analysis server of the direct route took the order',
    refused: 'The analysis server of the direct route refused the recording',
    unavailable: 'The analysis server of the direct route could not be reached; the reconciler tries again',
    deferred: 'Too many orders were under way on the direct route; the reconciler posts it later',
  },
  analyse: {
    received: 'An analyser received the order',
    analysed: 'The recording was analysed',
    'not-analysable': 'The recording cannot be analysed',
    stopped: 'The analysis was stopped',
    repeat: 'The order came again, with nothing left to do',
    failed: 'The analysis broke off; SQS brings the order again',
    renewed: 'Something that the analysis needs was away; the order was sent anew',
  },
  answer: { sent: 'The answer was sent to the results queue' },
  record: {
    completed: 'The result was recorded',
    failed: 'The failure was recorded',
    repeat: 'The answer came again, and was recorded already',
    late: 'The answer came too late and changed nothing',
    error: 'The answer could not be recorded; it is to come again',
  },
  reconcile: {
    'added-again': 'The reconciler found it waiting and handed it over again',
    'sent-again': 'The reconciler held the order for lost and sent it again',
    ended: 'The reconciler ended the job',
  },
  'dead-letter': {
    kept: 'A message of the job could not be handled and was kept as a dead letter',
    repeat: 'The same dead letter came again',
    redriven: 'An operator redrove a dead letter of the job',
    discarded: 'An operator discarded a dead letter of the job',
  },
  callback: {
    delivered: 'The callback was delivered',
    retry: 'The callback was not taken; it is tried again',
    given_up: 'The callback was given up',
    superseded: 'The callback was handed out again meanwhile',
  },
  cancel: { cancelled: 'The job was cancelled' },
  retry: { restarted: 'A new attempt began' },
  purge: { purged: 'Recording, result and personal fields were deleted' },
} as const

export type Hop = keyof typeof OUTCOMES
export type HopOutcome = {
  readonly [H in Hop]: { readonly hop: H; readonly outcome: keyof (typeof OUTCOMES)[H] & string }
}[Hop]

export const HOPS = Object.keys(OUTCOMES) as Hop[]

/** What a service notes. */
export type TimelineEntry = HopOutcome & {
  readonly jobId: string
  readonly attempt: number
  /** The queue's own name of the message, the same on both of its sides. */
  readonly messageId?: string | undefined
  /** From 1. */
  readonly receiveCount?: number | undefined
  /** A code or a few words; nothing personal, for it outlives what is. Cut off at 200 bytes. */
  readonly detail?: string | undefined
  /**
   * When it began, by `performance.now()`; default now. For what brings the next hop about, which may be over before
   * this process knows that its own part worked.
   */
  readonly beganAtMs?: number
}

/** One hop as it is kept. `hop` and `outcome` may be words of a later release. */
export interface TimelineRow {
  readonly at: Date
  readonly attempt: number
  readonly hop: string
  readonly outcome: string
  readonly messageId: string | null
  readonly receiveCount: number | null
  readonly worker: string
  readonly detail: string | null
}

/** The sentence of a hop, without a full stop. */
export function sentenceOf({ hop, outcome }: Pick<TimelineRow, 'hop' | 'outcome'>): string {
  const outcomes: Readonly<Record<string, string>> = Object.hasOwn(OUTCOMES, hop) ? OUTCOMES[hop as Hop] : {}
  return Object.hasOwn(outcomes, outcome) ? (outcomes[outcome] ?? '') : `${hop}: ${outcome}`
}
