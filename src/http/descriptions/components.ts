/** What the operations of the document share. */
import { Type } from 'typebox'
import { ERRORS, type ErrorCode } from '../../domain/errors.ts'
import { JOB_STATUSES } from '../../domain/job.ts'
import { resultSchema } from '../../domain/result-schema.ts'
import { SESSION_COOKIE } from '../session-tokens.ts'
import { EVENT_EXAMPLE } from './examples.ts'

export const CODES = Object.keys(ERRORS) as ErrorCode[]

const problemSchema = Type.Object(
  {
    type: Type.String({ description: '`urn:tonewire:problem:` and the code' }),
    title: Type.String({ description: 'Never varies for a code' }),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String({ description: 'What it was this time, for a person' }),
    code: Type.Enum(CODES, { description: 'For programs' }),
    request_id: Type.String({ description: 'Finds the request in the logs' }),
  },
  { description: 'RFC 9457. A failed job carries a code of the same list in its `error`.' },
)

const jobEventSchema = Type.Object(
  {
    job_id: Type.String(),
    token_id: Type.Union([Type.String(), Type.Null()]),
    status: Type.Enum([...JOB_STATUSES]),
    progress: Type.Integer({ minimum: 0, maximum: 100 }),
    message: Type.String(),
    attempt: Type.Integer(),
    at: Type.String(),
    error: Type.Optional(Type.Object({ code: Type.String(), detail: Type.String(), retryable: Type.Boolean() })),
  },
  { description: 'The data of every event about a job', examples: [EVENT_EXAMPLE] },
)
const gapSchema = Type.Object(
  { at: Type.String() },
  { description: 'Something may be missing; a snapshot follows', examples: [{ at: EVENT_EXAMPLE.at }] },
)
const notificationSchema = Type.Object(
  { at: Type.String() },
  { additionalProperties: true, description: 'A word to the owner, of no job', examples: [{ at: EVENT_EXAMPLE.at }] },
)

export function problemExample(code: ErrorCode): object {
  const { status, title } = ERRORS[code]
  const detail = `${title}.`
  return {
    type: `urn:tonewire:problem:${code}`,
    title,
    status,
    detail,
    code,
    request_id: 'c0ffee00-0000-4000-8000-000000000000',
  }
}

const header = (description: string, type = 'string') => ({ description, schema: { type } })
export const HEADERS = {
  'x-request-id': header('Names this request in the logs; the one that was sent, if there was one'),
  'retry-after': header('Seconds after which to try again', 'integer'),
  'www-authenticate': header('`Bearer`'),
  'ratelimit-policy': header('Requests, and the seconds they are for (`10000;w=10`)'),
  'ratelimit-limit': header('Requests that may be sent at once', 'integer'),
  'ratelimit-remaining': header('Requests that are left', 'integer'),
  'ratelimit-reset': header('Seconds until all are there again', 'integer'),
  location: header('The job'),
  'idempotency-replayed': header('`true`: the job was made by an earlier request with this key'),
  'set-cookie': header('The session'),
} as const

/** As the document's dialect (JSON Schema 2020-12) has it, which writes tuples in its own way. */
function plain(schema: object): object {
  const translate = (_key: string, value: unknown): unknown => {
    const { items, additionalItems, ...rest } = (value ?? {}) as { items?: unknown; additionalItems?: unknown }
    return Array.isArray(items) ? { ...rest, prefixItems: items, items: additionalItems ?? true } : value
  }
  return JSON.parse(JSON.stringify(schema), translate) as object
}

export const COMPONENTS = {
  schemas: {
    Problem: plain(problemSchema),
    JobEvent: plain(jobEventSchema),
    Gap: plain(gapSchema),
    Notification: plain(notificationSchema),
    Result: plain(resultSchema),
  },
  headers: HEADERS,
  examples: Object.fromEntries(
    CODES.map((code) => [code, { summary: ERRORS[code].title, value: problemExample(code) }]),
  ),
  securitySchemes: {
    bearer: { type: 'http', scheme: 'bearer', description: 'A key, or an access token of your identity provider' },
    session: { type: 'apiKey', in: 'cookie', name: SESSION_COOKIE, description: 'From `POST /v1/session`' },
  },
} as const
