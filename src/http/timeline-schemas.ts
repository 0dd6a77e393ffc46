/** Timelines on the wire. */
import { type Static, Type } from 'typebox'
import { JOB_STATUSES } from '../domain/job.ts'
import { sentenceOf } from '../domain/timeline.ts'
import type { ToldTimeline } from '../services/tell-timeline.ts'

const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const hopSchema = Type.Object({
  at: Type.String({ format: 'date-time', description: 'By the database’s clock' }),
  attempt: Type.Integer(),
  hop: Type.String({ description: '`upload`, `dispatch`, `forward`, `analyse`, `answer`, `record`, …; more may come' }),
  outcome: Type.String({ description: 'What came of it, such as `sent`, `repeat` or `failed`; more may come' }),
  message: Type.String({ description: 'The same for a person' }),
  detail: nullable(Type.String({ description: 'A code, or a few words' })),
  message_id: nullable(Type.String({ description: 'Of the queue, or of the callback’s delivery' })),
  receive_count: nullable(Type.Integer({ description: 'How often the queue had handed the message out' })),
  worker: Type.String({ description: 'Role, host and process' }),
})

export const timelineSchema = Type.Object({
  job_id: Type.String(),
  status: Type.Enum([...JOB_STATUSES]),
  attempt: Type.Integer(),
  items: Type.Array(hopSchema, { description: 'Oldest first; of more than 1,000 the newest' }),
  explanation: Type.Array(Type.String(), {
    description:
      'What happened, which dead letters of the job are open, where it is, what comes next and when: a sentence each, ' +
      'for a person; an admin’s key is told what can be done about the letters',
  }),
})
export type TimelineView = Static<typeof timelineSchema>

export function toTimelineView({ job, hops, explanation }: ToldTimeline): TimelineView {
  return {
    job_id: job.jobId,
    status: job.status,
    attempt: job.attempt,
    items: hops.map((hop) => ({
      at: hop.at.toISOString(),
      attempt: hop.attempt,
      hop: hop.hop,
      outcome: hop.outcome,
      message: sentenceOf(hop),
      detail: hop.detail,
      message_id: hop.messageId,
      receive_count: hop.receiveCount,
      worker: hop.worker,
    })),
    explanation: [...explanation],
  }
}
