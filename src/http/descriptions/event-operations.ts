/** Streams of events. */
import { noContent, type Operation, text } from './operation.ts'

const lastEventId = {
  name: 'Last-Event-ID',
  in: 'header',
  description: 'A cursor: an event’s `id`, or a job’s `event_cursor`. It wins over the query.',
  schema: { type: 'string' },
}
const EVENTS_EXAMPLE = [
  'retry: 2000\n\n',
  'event: progress\nid: k3x9.41.2094812\ndata: {"job_id":"019aa7de-6f2b-7c3e-9a55-0c2f6a1b2c3d","token_id":"greeting-1","status":"analysing",',
  '"progress":80,"message":"Tracking pitch","attempt":1,"at":"2026-11-21T10:00:02.000Z"}\n\n',
].join('')

const KINDS =
  'Server-sent events: `snapshot`, `progress`, `completed`, `failed`, `cancelled` with the data of `JobEvent`, and ' +
  '`gap` with that of `Gap`; on `/v1/events`, where no `job_id` is named, also `notification` with that of ' +
  '`Notification`. A heartbeat comes at least every 15 s. What will pass is answered 200 with `retry:` and ' +
  'ended, because `EventSource` gives up on any other status.'
const STREAM = {
  200: {
    description: 'A stream of events; the data of each is JSON.',
    content: { 'text/event-stream': { schema: text('Frames of WHATWG HTML §9.2'), example: EVENTS_EXAMPLE } },
  },
}

export const EVENT_OPERATIONS: Readonly<Record<string, Operation>> = {
  'GET /v1/jobs/{job_id}/events': {
    id: 'followJob',
    tag: 'events',
    summary: 'Follow a job',
    description: `${KINDS} The stream ends after the terminal event.`,
    parameters: [lastEventId],
    problems: ['job-not-found', 'too-many-streams'],
    answers: {
      ...STREAM,
      ...noContent('The cursor is at the terminal event: there is nothing more to come, and `EventSource` stops.'),
    },
  },
  'GET /v1/events': {
    id: 'followAll',
    tag: 'events',
    summary: 'Follow all jobs, those to come included',
    description:
      `${KINDS} Without a cursor it begins with a snapshot of each unfinished job (the newest 500), or of those that ` +
      '`job_id` names, which narrows it to them. The stream goes on when they have ended.',
    parameters: [lastEventId],
    problems: ['job-not-found', 'too-many-streams'],
    answers: STREAM,
  },
}
