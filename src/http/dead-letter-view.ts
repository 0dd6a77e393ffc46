/** Dead letters between the wire and the services: for the routes, and for the command that opens the stores itself. */
import { AppError } from '../domain/errors.ts'
import { formatJobCursor, parseJobCursor } from '../domain/job-cursor.ts'
import type { LetterFilter, LetterGroupKey, LetterHead, LetterPlace } from '../ports/dead-letters.ts'
import type { Ports } from '../ports.ts'
import { discardLetters } from '../services/discard-letters.ts'
import { redriveLetters } from '../services/redrive-letters.ts'
import type {
  DiscardedView,
  DiscardRequest,
  LetterFilterView,
  LetterListView,
  LetterQuery,
  LetterView,
  RedrivenView,
  RedriveRequest,
  WholeLetterView,
} from './dead-letter-schemas.ts'

type StorePorts = Pick<Ports, 'deadLetters'>

/** A page of letters, or groups of all that match. Throws `request-invalid` for what is no cursor. */
export async function listLetters({ deadLetters }: StorePorts, query: LetterQuery): Promise<LetterListView> {
  const { group_by: groupBy, limit = 50, cursor, state } = query
  const filter = { ...toFilter(query), ...(state && { state }) }
  if (groupBy !== undefined) {
    const groups = await deadLetters.group(filter, groupBy.split(',') as LetterGroupKey[])
    return {
      items: [],
      groups: groups.map(({ code, stage, count, oldestAt, newestAt }) => ({
        ...{ code, stage, count },
        oldest_at: oldestAt.toISOString(),
        newest_at: newestAt.toISOString(),
      })),
      next_cursor: null,
    }
  }
  const found = await deadLetters.list(filter, { ...toPlace(cursor), limit: limit + 1 })
  const page = found.slice(0, limit)
  const last = found.length > limit ? page.at(-1) : undefined
  return { items: page.map(toLetterView), next_cursor: last === undefined ? null : cursorOf(last) }
}

/** Throws `letter-not-found`. */
export async function readLetter(
  { deadLetters, jobs }: Pick<Ports, 'deadLetters' | 'jobs'>,
  letterId: string,
): Promise<WholeLetterView> {
  const letter = await deadLetters.find(letterId.toLowerCase())
  if (letter === undefined) throw new AppError('letter-not-found', `There is no dead letter ${letterId}`)
  const job = letter.jobId === null ? undefined : await jobs.find(letter.jobId)
  return {
    ...toLetterView(letter),
    body: letter.body,
    job: job === undefined ? null : { status: job.status, attempt: job.attempt },
  }
}

export async function redrive(
  ports: Parameters<typeof redriveLetters>[0],
  request: RedriveRequest,
  by: string,
): Promise<RedrivenView> {
  const { limit = 100, cursor, dry_run: dryRun = false, rate_per_s: ratePerS } = request
  const filter = toGuardedFilter(request.filter)
  const pace = ratePerS === undefined ? {} : { ratePerS }
  const { outcomes, next } = await redriveLetters(ports, { filter, limit, dryRun, by, ...pace, ...toPlace(cursor) })
  return {
    dry_run: dryRun,
    items: outcomes.map(({ letterId, jobId, ...rest }) => ({ letter_id: letterId, job_id: jobId, ...rest })),
    next_cursor: next === undefined ? null : formatJobCursor(next),
  }
}

export async function discard(
  ports: Pick<Ports, 'deadLetters' | 'timeline'>,
  request: DiscardRequest,
  by: string,
): Promise<DiscardedView> {
  const { reason, dry_run: dryRun = false } = request
  const filter = toGuardedFilter(request.filter)
  if (!dryRun) return { dry_run: false, discarded: await discardLetters(ports, { filter, by, reason }) }
  const [all] = await ports.deadLetters.group({ ...filter, state: 'open' }, [])
  return { dry_run: true, discarded: all?.count ?? 0 }
}

/** Nobody redrives or discards everything by leaving something out. */
function toGuardedFilter({ all, ...fields }: LetterFilterView): Omit<LetterFilter, 'state'> {
  const names = Object.keys(fields)
  if (all && names.length > 0) {
    throw new AppError('request-invalid', `filter: "all" is every open letter; leave it out, or ${names.join(', ')}`)
  }
  if (all || names.length > 0) return toFilter(fields)
  throw new AppError('request-invalid', 'filter: is empty. For every open letter say so: {"all": true}')
}

function toFilter(fields: Omit<LetterFilterView, 'all'>): Omit<LetterFilter, 'state'> {
  const { letter_id: letterId, source, code, stage, owner, job_id: jobId, since } = fields
  return {
    ...(letterId && { letterId: letterId.toLowerCase() }),
    ...(source && { source }),
    ...(code && { code }),
    ...(stage && { stage }),
    ...(owner && { owner }),
    ...(jobId && { jobId: jobId.toLowerCase() }),
    ...(since && { since: toTime(since) }),
  }
}

function toTime(text: string): Date {
  const time = new Date(text)
  if (time.getTime() >= 0 && time.getTime() < Date.UTC(9999)) return time
  throw new AppError('request-invalid', 'since: is not a time such as 2026-11-21T09:30:00Z')
}

function toPlace(cursor: string | undefined): { after?: LetterPlace } {
  if (cursor === undefined) return {}
  const after = parseJobCursor(cursor)
  if (after === undefined) throw new AppError('request-invalid', 'cursor: is none that this list has given')
  return { after }
}

/** The list's place is a time and an id, as that of jobs. */
function cursorOf({ firstSeenAt, letterId }: LetterHead): string {
  return formatJobCursor({ createdAt: firstSeenAt, jobId: letterId })
}

function toLetterView(letter: LetterHead): LetterView {
  return {
    letter_id: letter.letterId,
    source: letter.source,
    message_id: letter.messageId,
    job_id: letter.jobId,
    attempt: letter.attempt,
    owner: letter.owner,
    code: letter.code,
    detail: letter.detail,
    stage: letter.stage,
    receive_count: letter.receiveCount,
    first_seen_at: letter.firstSeenAt.toISOString(),
    last_seen_at: letter.lastSeenAt.toISOString(),
    state: letter.state,
    resolved_at: letter.resolvedAt?.toISOString() ?? null,
    resolved_by: letter.resolvedBy,
    reason: letter.reason,
    redriven_attempt: letter.redrivenAttempt,
    size_bytes: letter.sizeBytes,
    excerpt: letter.excerpt,
  }
}
