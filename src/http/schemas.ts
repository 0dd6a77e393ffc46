/** The wire of the HTTP API: snake_case, translated to the domain's names here and in `job-view.ts`, nowhere else. */
import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { type CallbackUrlRules, checkCallbackUrl } from '../domain/callback-url.ts'
import { AppError } from '../domain/errors.ts'
import { JOB_STATUSES, PRIORITIES, type Priority } from '../domain/job.ts'
import { RESULT_FORMATS } from '../domain/result-formats.ts'

export const TOKEN_ID_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$'
const MAX_METADATA_BYTES = 2048
const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
export const literals = <T extends string>(values: readonly T[]) => Type.Enum([...values])

/** The fields that may accompany a recording: multipart fields before the file, or query parameters. */
export const uploadFieldsSchema = Type.Object({
  token_id: Type.Optional(Type.String({ pattern: TOKEN_ID_PATTERN, description: 'The reference utterance imitated' })),
  priority: Type.Optional(literals(PRIORITIES)),
  not_before: Type.Optional(Type.String({ format: 'date-time', description: 'Earliest time of the analysis' })),
  callback_url: Type.Optional(Type.String({ pattern: '^https?://[\\x21-\\x7e]+$', maxLength: 2000 })),
  metadata: Type.Optional(Type.String({ description: 'A JSON object of at most 2 KB, kept with the job' })),
  filename: Type.Optional(Type.String({ maxLength: 1000 })),
})
export const UPLOAD_FIELD_NAMES = Object.keys(uploadFieldsSchema.properties)

export const jobParamsSchema = Type.Object({ job_id: Type.String({ format: 'uuid' }) })
export const tokenParamsSchema = Type.Object({ token_id: Type.String({ pattern: TOKEN_ID_PATTERN }) })
export const resultQuerySchema = Type.Object({ format: Type.Optional(literals(RESULT_FORMATS)) })
export const eventsQuerySchema = Type.Object({
  last_event_id: Type.Optional(Type.String()),
  lastEventId: Type.Optional(Type.String()),
})

export const waitQuerySchema = Type.Object({
  wait_s: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 25, description: 'Answers when the job changes, or after so many seconds.' }),
  ),
  after: Type.Optional(
    Type.String({ description: 'An `event_cursor`: a change after it counts. Without it, one from now on.' }),
  ),
})
export const ownerEventsQuerySchema = Type.Object({
  ...eventsQuerySchema.properties,
  job_id: Type.Optional(
    Type.Union([Type.String({ format: 'uuid' }), Type.Array(Type.String({ format: 'uuid' }), { maxItems: 100 })], {
      description: 'Only this job; repeat it for more.',
    }),
  ),
})

export const jobSchema = Type.Object({
  job_id: Type.String(),
  token_id: nullable(Type.String()),
  owner: Type.String(),
  status: literals(JOB_STATUSES),
  progress: Type.Integer({ minimum: 0, maximum: 100 }),
  message: Type.String(),
  route: literals(['queue', 'direct'] as const),
  attempt: Type.Integer(),
  filename: nullable(Type.String()),
  content_type: Type.String(),
  size_bytes: nullable(Type.Integer()),
  sha256: nullable(Type.String()),
  duration_s: nullable(Type.Number()),
  priority: literals(PRIORITIES),
  not_before: nullable(Type.String()),
  metadata: Type.Record(Type.String(), Type.Unknown()),
  event_cursor: nullable(Type.String()),
  created_at: Type.String(),
  updated_at: Type.String(),
  finished_at: nullable(Type.String()),
  error: nullable(
    Type.Object({ code: Type.String(), stage: Type.String(), detail: Type.String(), retryable: Type.Boolean() }),
  ),
  links: Type.Object({ self: Type.String(), events: Type.String(), result: Type.String() }),
})
export type JobView = Static<typeof jobSchema>

/** A token and which kinds of reference material it has. */
export const tokenSchema = Type.Object({
  token_id: Type.String(),
  owner: Type.String(),
  audio: Type.Boolean(),
  textgrid: Type.Boolean(),
  pitch: Type.Boolean(),
  created_at: Type.String(),
  updated_at: Type.String(),
})
export type TokenView = Static<typeof tokenSchema>
export const tokenListSchema = Type.Object({ items: Type.Array(tokenSchema), next_cursor: nullable(Type.String()) })
export const tokenPageSchema = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
  cursor: Type.Optional(Type.String({ pattern: TOKEN_ID_PATTERN })),
})

/** What a client says of its recording, checked and in the domain's names. */
export interface UploadFields {
  readonly tokenId: string | null
  readonly priority: Priority
  readonly notBefore: Date | null
  readonly callbackUrl: string | null
  readonly metadata: Readonly<Record<string, unknown>>
  readonly filename: string | null
}

const fieldsValidator = Compile(uploadFieldsSchema)

/**
 * Checks the fields of an upload; throws `request-invalid` naming the first that is wrong, and `callback-refused` for a
 * `callback_url` that must not be called.
 */
export function parseUploadFields(
  given: Readonly<Record<string, unknown>>,
  callbackRules: CallbackUrlRules = {},
): UploadFields {
  const fields = Object.fromEntries(
    // A form sends its empty fields too.
    UPLOAD_FIELD_NAMES.filter((name) => given[name] !== undefined && given[name] !== '').map((name) => [
      name,
      given[name],
    ]),
  )
  if (!fieldsValidator.Check(fields)) {
    const name = Object.keys(fields).find((key) => !fieldsValidator.Check({ [key]: fields[key] })) ?? 'field'
    const rule = Array.isArray(fields[name]) ? 'is given more than once' : (FIELD_RULES[name] ?? 'is not valid')
    throw new AppError('request-invalid', `${name}: ${rule}`)
  }
  if (fields.callback_url !== undefined) assertCallable(fields.callback_url, callbackRules)
  return {
    tokenId: fields.token_id ?? null,
    priority: fields.priority ?? 'normal',
    notBefore: fields.not_before === undefined ? null : parseTime(fields.not_before),
    callbackUrl: fields.callback_url ?? null,
    metadata: parseMetadata(fields.metadata),
    filename: fields.filename === undefined ? null : cleanFilename(fields.filename),
  }
}

function assertCallable(url: string, rules: CallbackUrlRules): void {
  const refused = checkCallbackUrl(url, rules)
  if (refused !== undefined) throw new AppError('callback-refused', `callback_url: ${refused}`)
}

const FIELD_RULES: Readonly<Record<string, string>> = {
  token_id: 'is 1 to 128 letters, digits, dots, underscores and hyphens, the first a letter or a digit',
  priority: `is one of ${PRIORITIES.join(', ')}`,
  not_before: 'is a time such as 2026-11-21T09:30:00Z',
  callback_url: 'is an https URL of at most 2000 characters, percent-encoded',
  metadata: 'is a JSON object given once, as text',
  filename: 'is at most 1000 characters',
}

/** From 2000 on, and at most a year ahead: what lies further off is a mistake. */
function parseTime(text: string): Date {
  const time = new Date(text)
  const latest = Date.now() + 366 * 86_400_000
  if (time.getTime() >= Date.UTC(2000) && time.getTime() <= latest) return time
  throw new AppError('request-invalid', 'not_before: is not a time within the next year')
}

function parseMetadata(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {}
  if (Buffer.byteLength(text) > MAX_METADATA_BYTES) throw new AppError('request-invalid', 'metadata: is more than 2 KB')
  const value = parseJson(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AppError('request-invalid', 'metadata: is not a JSON object')
  }
  // What is kept is written anew, and a number such as 1e20 is then longer.
  const kept = JSON.stringify(value)
  if (Buffer.byteLength(kept) > 2 * MAX_METADATA_BYTES) {
    throw new AppError('request-invalid', 'metadata: is more than 2 KB')
  }
  // As it will be read back: -0 and numbers too large for JSON do not survive.
  return JSON.parse(kept) as Record<string, unknown>
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new AppError('request-invalid', 'metadata: is not JSON', { cause })
  }
}

/** A name for people to read: no folders, no control characters, at most 255 characters; null when nothing is left. */
export function cleanFilename(name: string): string | null {
  const base = name.split(/[/\\]/).at(-1) ?? ''
  const clean = [
    ...base
      .normalize()
      .replace(/\p{Cc}|\p{Cs}/gu, '')
      .trim(),
  ]
    .slice(0, 255)
    .join('')
  return clean === '' ? null : clean
}
