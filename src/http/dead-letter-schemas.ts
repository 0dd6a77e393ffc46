/** The wire of dead letters. */
import { type Static, Type } from 'typebox'
import { OWNER_PATTERN } from '../domain/api-key.ts'
import { LETTER_SOURCES, LETTER_STATES } from '../domain/dead-letter.ts'
import { JOB_STATUSES } from '../domain/job.ts'

const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const source = Type.Enum([...LETTER_SOURCES], { description: 'Which hop could not bring it to an end' })
const state = Type.Enum([...LETTER_STATES])
const stage = Type.Enum([...JOB_STATUSES], { description: 'The status its job was in' })
const code = Type.String({ pattern: '^[a-z0-9-]{1,100}$' })
const uuid = Type.String({ format: 'uuid' })
const cursor = Type.String({ pattern: '^[A-Za-z0-9_-]{1,100}$', description: 'Goes on after an earlier answer' })
const limit = Type.Integer({ minimum: 1, maximum: 100 })
const dryRun = Type.Boolean({ description: 'Say what would be done, and do nothing' })

const filterFields = {
  letter_id: Type.Optional(uuid),
  source: Type.Optional(source),
  code: Type.Optional(code),
  stage: Type.Optional(stage),
  owner: Type.Optional(Type.String({ pattern: OWNER_PATTERN })),
  job_id: Type.Optional(uuid),
  since: Type.Optional(Type.String({ format: 'date-time', description: 'Seen at this time or later' })),
}

export const GROUPINGS = ['code', 'stage', 'code,stage', 'stage,code'] as const

export const letterQuerySchema = Type.Object({
  ...filterFields,
  state: Type.Optional(state),
  limit: Type.Optional(limit),
  cursor: Type.Optional(cursor),
  group_by: Type.Optional(Type.Enum([...GROUPINGS], { description: 'Answer with groups instead of letters' })),
})
export type LetterQuery = Static<typeof letterQuerySchema>

export const letterParamsSchema = Type.Object({ letter_id: uuid })

/** A misspelt field must not widen what is redriven: unknown ones are refused. */
export const letterFilterSchema = Type.Object(
  {
    ...filterFields,
    all: Type.Optional(Type.Literal(true, { description: 'Every open letter: needed where nothing else is said' })),
  },
  { additionalProperties: false, description: 'Of open letters. Each field narrows; none at all is refused' },
)
export type LetterFilterView = Static<typeof letterFilterSchema>

export const redriveSchema = Type.Object(
  {
    filter: letterFilterSchema,
    limit: Type.Optional(limit),
    cursor: Type.Optional(cursor),
    dry_run: Type.Optional(dryRun),
    rate_per_s: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Letters per second' })),
  },
  { additionalProperties: false },
)
export type RedriveRequest = Static<typeof redriveSchema>

export const discardSchema = Type.Object(
  {
    filter: letterFilterSchema,
    reason: Type.String({ pattern: '^[^\\x00-\\x1f\\x7f]{1,500}$', description: 'Kept with the letters' }),
    dry_run: Type.Optional(dryRun),
  },
  { additionalProperties: false },
)
export type DiscardRequest = Static<typeof discardSchema>

export const letterSchema = Type.Object({
  letter_id: Type.String(),
  source,
  message_id: Type.String({ description: 'As its queue named it' }),
  job_id: nullable(Type.String()),
  attempt: nullable(Type.Integer()),
  owner: nullable(Type.String()),
  code: Type.String(),
  detail: Type.String(),
  stage: nullable(stage),
  receive_count: Type.Integer(),
  first_seen_at: Type.String(),
  last_seen_at: Type.String(),
  state,
  resolved_at: nullable(Type.String()),
  resolved_by: nullable(Type.String()),
  reason: nullable(Type.String()),
  redriven_attempt: nullable(Type.Integer({ description: 'The attempt that came of it' })),
  size_bytes: Type.Integer({ description: 'Of the payload' }),
  excerpt: Type.String({ description: 'The first characters of the payload' }),
})
export type LetterView = Static<typeof letterSchema>

export const wholeLetterSchema = Type.Object({
  ...letterSchema.properties,
  body: Type.String({ description: 'The payload as it came' }),
  job: nullable(
    Type.Object(
      { status: Type.Enum([...JOB_STATUSES]), attempt: Type.Integer() },
      { description: 'Its job as it is now; null when there is none' },
    ),
  ),
})
export type WholeLetterView = Static<typeof wholeLetterSchema>

const groupSchema = Type.Object({
  code: nullable(Type.String()),
  stage: nullable(stage),
  count: Type.Integer(),
  oldest_at: Type.String(),
  newest_at: Type.String(),
})
export const letterListSchema = Type.Object({
  items: Type.Array(letterSchema),
  groups: Type.Optional(Type.Array(groupSchema, { description: 'With `group_by`; `items` is empty then' })),
  next_cursor: nullable(Type.String()),
})
export type LetterListView = Static<typeof letterListSchema>

export const redrivenSchema = Type.Object({
  dry_run: Type.Boolean(),
  items: Type.Array(
    Type.Object({
      letter_id: Type.String(),
      job_id: nullable(Type.String()),
      outcome: Type.Enum(['redriven', 'possible', 'refused'], { description: '`possible` in a dry run' }),
      attempt: nullable(Type.Integer({ description: 'Null where the payload is sent to its queue again' })),
      code: nullable(Type.String()),
      detail: nullable(Type.String()),
    }),
  ),
  next_cursor: nullable(Type.String({ description: 'There are more: call again with it' })),
})
export type RedrivenView = Static<typeof redrivenSchema>

export const discardedSchema = Type.Object({
  dry_run: Type.Boolean(),
  discarded: Type.Integer({ description: 'In a dry run: how many would be' }),
})
export type DiscardedView = Static<typeof discardedSchema>
