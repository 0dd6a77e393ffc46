/** The wire of the routes that operate jobs. */
import { Type } from 'typebox'
import { AppError } from '../domain/errors.ts'
import { JOB_STATUSES, type JobStatus } from '../domain/job.ts'
import { parseJobCursor } from '../domain/job-cursor.ts'
import type { JobFilter } from '../ports.ts'
import { jobSchema, TOKEN_ID_PATTERN } from './schemas.ts'

const MAX_CURSOR_CHARS = 100
const DEFAULT_LIMIT = 20
const statusText = Type.String({ maxLength: 200 })

export const jobPageQuerySchema = Type.Object({
  status: Type.Optional(
    Type.Union([statusText, Type.Array(statusText, { maxItems: 20 })], {
      description: `Any of ${JOB_STATUSES.join(', ')}: comma separated, or repeated`,
    }),
  ),
  token_id: Type.Optional(Type.String({ pattern: TOKEN_ID_PATTERN })),
  q: Type.Optional(
    Type.String({
      maxLength: 200,
      description: 'A part of the filename or the token id, or the beginning of the job id, in any case',
    }),
  ),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: DEFAULT_LIMIT })),
  cursor: Type.Optional(
    Type.String({ maxLength: MAX_CURSOR_CHARS, description: '`next_cursor` of the page before, opaque' }),
  ),
})
export const jobPageSchema = Type.Object({
  items: Type.Array(jobSchema),
  next_cursor: Type.Union([Type.String(), Type.Null()]),
})

/** The query as a filter; throws `request-invalid` naming what is wrong. */
export function parseJobFilter(query: Type.Static<typeof jobPageQuerySchema>): JobFilter {
  const { status, token_id: tokenId, q, limit = DEFAULT_LIMIT, cursor } = query
  const statuses = status === undefined ? undefined : parseStatuses([status].flat())
  const place = cursor === undefined ? undefined : parseJobCursor(cursor)
  if (cursor !== undefined && place === undefined) {
    throw new AppError('request-invalid', 'cursor: is not a next_cursor of this list')
  }
  return {
    limit,
    ...(statuses === undefined ? {} : { statuses }),
    ...(tokenId === undefined ? {} : { tokenId }),
    ...(q === undefined || q === '' ? {} : { q }),
    ...(place === undefined ? {} : { cursor: place }),
  }
}

function parseStatuses(given: readonly string[]): JobStatus[] {
  const names = given.flatMap((text) => text.split(',')).map((name) => name.trim())
  const statuses = JOB_STATUSES.filter((status) => names.includes(status))
  const isKnown = (name: string) => (JOB_STATUSES as readonly string[]).includes(name)
  if (names.every(isKnown)) return statuses
  throw new AppError('request-invalid', `status: is any of ${JOB_STATUSES.join(', ')}`)
}
