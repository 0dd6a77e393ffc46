/** Jobs and their callbacks. */
import type { ErrorCode } from '../../domain/errors.ts'
import { RESULT_FORMATS } from '../../domain/result-formats.ts'
import { UPLOAD_FIELD_NAMES, uploadFieldsSchema } from '../schemas.ts'
import { type Answer, binary, type Operation, text } from './operation.ts'

const RAW_TYPES = ['audio/*', 'video/webm', 'video/mp4', 'application/ogg', 'application/octet-stream']

const UPLOAD_PROBLEMS: readonly ErrorCode[] = [
  ...['upload-empty', 'upload-no-file', 'upload-malformed', 'upload-field-late', 'upload-aborted'],
  ...['callback-refused', 'upload-expired', 'upload-too-slow', 'idempotency-busy', 'job-cancelled', 'upload-too-large'],
  ...['upload-type-unsupported', 'upload-not-audio', 'expectation-unknown', 'idempotency-conflict'],
  ...['recording-too-long', 'too-many-uploads', 'too-many-jobs', 'storage-unavailable', 'owner-deleted'],
] as ErrorCode[]

const uploadBody = {
  'multipart/form-data': {
    type: 'object',
    required: ['file'],
    properties: {
      ...uploadFieldsSchema.properties,
      file: binary('The recording, after every other field; its first bytes decide what it is'),
    },
  },
  ...Object.fromEntries(RAW_TYPES.map((type) => [type, binary('The recording itself; the fields go into the query')])),
}
const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'The same upload sent again within 24 h under the same key makes no second job.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
  example: '8e03978e-40d5-43dd-bc93-6894a57f9324',
}
const uploadParameters = [
  idempotencyKey,
  ...UPLOAD_FIELD_NAMES.map((name) => {
    const { description, ...schema } =
      (uploadFieldsSchema.properties as Record<string, { description?: string }>)[name] ?? {}
    const note = 'Beside a raw body; with multipart/form-data a field of the form.'
    return { name, in: 'query', description: description === undefined ? note : `${description}. ${note}`, schema }
  }),
]
const upload = {
  tag: 'jobs',
  problems: UPLOAD_PROBLEMS,
  body: uploadBody,
  parameters: uploadParameters,
} as const

const csv = 'time_s,f0_hz,intensity_db\n0.02,181.2,62.1\n0.03,,58.4\n'
const resultAnswer: Answer = {
  description: `The analysis, as \`format\` says: ${RESULT_FORMATS.join(', ')}.`,
  content: {
    'application/json': { schema: { $ref: '#/components/schemas/Result' } },
    'text/csv': { schema: text('One row per pitch frame; an empty `f0_hz` is unvoiced'), example: csv },
    'text/plain': { schema: text('A Praat TextGrid or PitchTier'), example: 'File type = "ooTextFile"\n' },
    'image/svg+xml': { schema: text('A drawing of the melody'), example: '<svg xmlns="http://www.w3.org/2000/svg"/>' },
  },
}
/** By method and path. */
export const JOB_OPERATIONS: Readonly<Record<string, Operation>> = {
  'POST /v1/jobs': {
    ...upload,
    id: 'createJob',
    summary: 'Upload a recording',
    description:
      '`multipart/form-data` with the part `file` last, or the recording itself as the body. 202 stays true whatever happens to the queues. `event_cursor` is null while the progress log cannot be reached.',
    headers: ['location', 'idempotency-replayed'],
  },
  'POST /{token_id}/upload-audio': {
    ...upload,
    id: 'uploadAudio',
    summary: 'Upload a recording (existing clients)',
    description: 'As `POST /v1/jobs`, which new clients use, with the token in the path and 200 as the answer.',
    headers: ['idempotency-replayed'],
  },
  'GET /v1/jobs': { id: 'listJobs', tag: 'jobs', summary: 'List jobs, newest first' },
  'GET /v1/jobs/{job_id}': {
    id: 'getJob',
    tag: 'jobs',
    summary: 'Read a job, or wait for its next change',
    description:
      'With `wait_s` it is for clients that cannot stream: ask with `after` = the `event_cursor` of the last answer, ' +
      'again and again, and no change is missed. `progress` and `message` are then those of the last event.',
    problems: ['job-not-found', 'too-many-streams', 'streams-full'],
  },
  'POST /v1/jobs/{job_id}/cancel': {
    id: 'cancelJob',
    tag: 'jobs',
    summary: 'Cancel a job',
    problems: ['job-not-found', 'job-terminal'],
  },
  'POST /v1/jobs/{job_id}/retry': {
    id: 'retryJob',
    tag: 'jobs',
    summary: 'Start the next attempt of a failed job',
    problems: [
      ...(['job-not-found', 'job-not-retryable', 'object-not-found', 'job-purged'] as const),
      ...(['direct-route-missing', 'storage-unavailable'] as const),
    ],
  },
  'GET /v1/jobs/{job_id}/result': {
    id: 'getResult',
    tag: 'jobs',
    summary: 'Read the analysis of a job',
    problems: [
      ...(['job-not-found', 'result-not-ready', 'result-format-unavailable', 'result-too-large'] as const),
      ...(['formatter-busy', 'storage-unavailable', 'object-not-found', 'job-purged', 'shutting-down'] as const),
    ],
    answers: { 200: resultAnswer },
  },
  'GET /v1/jobs/{job_id}/audio': {
    id: 'getAudio',
    tag: 'jobs',
    summary: 'Read the recording',
    problems: ['job-not-found', 'audio-not-ready', 'object-not-found', 'job-purged', 'storage-unavailable'],
    answers: { 302: { description: '`Location` reads the recording for a minute.' } },
    headers: ['location'],
  },
  'GET /v1/jobs/{job_id}/timeline': {
    id: 'getTimeline',
    tag: 'jobs',
    summary: 'Read what happened to a job, hop by hop',
    description:
      'What was done, when, by whom, how often it was repeated, where the job is and what comes next. It is written down ' +
      'within a second or so of each hop, and kept for as long as the recording. An admin’s key reads any job’s.',
    problems: ['job-not-found'],
  },
  'GET /v1/jobs/{job_id}/deliveries': {
    id: 'listDeliveries',
    tag: 'callbacks',
    summary: 'List what was sent to the job’s callback_url',
    problems: ['job-not-found'],
  },
  'POST /v1/jobs/{job_id}/deliveries/{delivery_id}/replay': {
    id: 'replayDelivery',
    tag: 'callbacks',
    summary: 'Send a callback again',
    problems: ['job-not-found', 'delivery-not-found'],
  },
}
