/**
 * What crosses the SQS queues: the shapes a third-party analysis server takes part by, snake_case on the wire.
 * Unknown fields are ignored; an unknown `version` is poison.
 */
import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { AppError } from './errors.ts'

/** A body of more bytes travels as a pointer to an object. */
export const MAX_MESSAGE_BYTES = 64 * 1024

const jobRef = {
  version: Type.Literal(1),
  job_id: Type.String({ format: 'uuid' }),
  attempt: Type.Integer({ minimum: 0 }),
}
const nullableString = Type.Union([Type.String(), Type.Null()])

export const analysisRequestSchema = Type.Object({
  ...jobRef,
  owner: Type.String({ minLength: 1, maxLength: 64 }),
  token_id: nullableString,
  s3_audio_url: Type.String(),
  s3_textgrid_url: nullableString,
  s3_pitch_url: nullableString,
  callback_url: nullableString,
  traceparent: Type.Optional(nullableString),
})
/** The order to analyse one recording. */
export type AnalysisRequest = Static<typeof analysisRequestSchema>

const progressSchema = Type.Object({
  ...jobRef,
  type: Type.Literal('progress'),
  progress: Type.Number(),
  message: Type.Optional(Type.String({ maxLength: 500 })),
})
const completedSchema = Type.Object({
  ...jobRef,
  type: Type.Literal('completed'),
  duration_s: Type.Optional(Type.Number({ minimum: 0 })),
  result: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  result_s3_url: Type.Optional(Type.String()),
})
const failedSchema = Type.Object({
  ...jobRef,
  type: Type.Literal('failed'),
  error: Type.Object({
    code: Type.String({ minLength: 1, maxLength: 100 }),
    detail: Type.Optional(Type.String({ maxLength: 2000 })),
    retryable: Type.Optional(Type.Boolean()),
  }),
})
export const analysisAnswerSchema = Type.Union([progressSchema, completedSchema, failedSchema])
/** What an analysis server answers: progress any number of times, then `completed` or `failed`. */
export type AnalysisAnswer = Static<typeof analysisAnswerSchema>
export type CompletedAnswer = Static<typeof completedSchema>

const requestValidator = Compile(analysisRequestSchema)
const answerValidator = Compile(analysisAnswerSchema)

/** Reads an order off the queue; throws `message-invalid` for anything else. */
export function parseAnalysisRequest(body: string): AnalysisRequest {
  const value = parseJson(body)
  if (!requestValidator.Check(value)) throw invalid(requestValidator.Errors(value))
  return withOwnId(value)
}

/** Reads an answer off the queue; throws `message-invalid` for anything else. */
export function parseAnalysisAnswer(body: string): AnalysisAnswer {
  const value = parseJson(body)
  if (!answerValidator.Check(value)) throw invalid(answerValidator.Errors(value))
  if (value.type === 'completed' && (value.result === undefined) === (value.result_s3_url === undefined)) {
    throw new AppError('message-invalid', 'A completed answer carries either result or result_s3_url')
  }
  return withOwnId(value)
}

/**
 * The same for an answer of a server of before there were versions and attempts: what is missing of them is filled in.
 * Without an id of its own it is the job's that its address names.
 */
export function parseOldAnswer(
  body: string,
  defaults: { readonly job_id: string; readonly attempt: number },
): AnalysisAnswer {
  const value = parseJson(body)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return parseAnalysisAnswer(body)
  return parseAnalysisAnswer(JSON.stringify({ version: 1, ...defaults, ...value }))
}

/** The text of a UUID may be of either case (RFC 9562 §4); rows and keys have it in lower case. */
function withOwnId<T extends { readonly job_id: string }>(message: T): T {
  return { ...message, job_id: message.job_id.toLowerCase() }
}

/** Writes a `completed` answer around a result that is already JSON, without parsing it again. */
export function formatCompletedAnswer(
  job: { jobId: string; attempt: number; durationS: number },
  result: string,
): string {
  const head = { version: 1, type: 'completed', job_id: job.jobId, attempt: job.attempt, duration_s: job.durationS }
  return `${JSON.stringify(head).slice(0, -1)},"result":${result}}`
}

/** Deeper than any result; a database that parses JSON by recursion must never see what would break it. */
const MAX_DEPTH = 64

function parseJson(body: string): unknown {
  if (isDeeperThan(body, MAX_DEPTH)) {
    throw new AppError('message-invalid', `The message is nested more than ${MAX_DEPTH} levels deep`)
  }
  try {
    return JSON.parse(body)
  } catch (cause) {
    throw new AppError('message-invalid', 'The message is not JSON', { cause })
  }
}

/** One look at each character: the text is not yet known to be JSON. */
function isDeeperThan(json: string, limit: number): boolean {
  let depth = 0
  let inString = false
  for (let i = 0; i < json.length; i++) {
    const char = json[i]
    if (inString && char === '\\') i += 1
    else if (char === '"') inString = !inString
    else if (inString) continue
    else if (char === '[' || char === '{') depth += 1
    else if (char === ']' || char === '}') depth -= 1
    if (depth > limit) return true
  }
  return false
}

function invalid(errors: { instancePath: string; message: string }[]): AppError {
  const first = errors[0]
  return new AppError(
    'message-invalid',
    `The message is not valid: ${first?.instancePath || '/'} ${first?.message ?? ''}`.trim(),
  )
}
