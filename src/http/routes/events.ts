import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Cursor, parseCursor } from '../../domain/cursor.ts'
import { AppError } from '../../domain/errors.ts'
import { createReader, passSnapshots } from '../../domain/event-reader.ts'
import { isTerminal, type Job } from '../../domain/job.ts'
import { followJob, type Resumed, resumeAt } from '../../services/follow-job.ts'
import { followOwner } from '../../services/follow-owner.ts'
import type { Following, Sink } from '../../services/follower.ts'
import { identityOf, ownerOf, stillValid } from '../auth.ts'
import type { App, AppDependencies } from '../dependencies.ts'
import { eventsQuerySchema, jobParamsSchema, ownerEventsQuerySchema } from '../schemas.ts'
import { BUSY_RETRY_MS, beginStream, sendRetryLater } from '../sse.ts'
import type { OpenStream } from '../stream-registry.ts'
import { findOwnJob } from './jobs.ts'

/** What a stream ends with that nobody is to come back to. */
const NO_WORD = ''

/** The progress of a job, or of all jobs of an owner, as server-sent events. */
export async function eventRoutes(app: App, deps: AppDependencies): Promise<void> {
  const options = { exposeHeadRoute: false, config: { eventStream: true } }
  app.get(
    '/v1/jobs/:job_id/events',
    { schema: { params: jobParamsSchema, querystring: eventsQuerySchema }, ...options },
    async (request, reply) => {
      const job = await findOwnJob(deps, ownerOf(request), request.params.job_id)
      const resumed = await resume(deps, job, cursorOf(request, request.query))
      if (resumed === 'past-the-end') return reply.code(204).send()
      const begin = (output: OpenStream) => followJob(deps.ports, job, resumed.from, untilEnd(job, output))
      return stream(deps, reply, { all: false, begin, orElse: (output) => tellEnd(job, output) })
    },
  )
  app.get('/v1/events', { schema: { querystring: ownerEventsQuerySchema }, ...options }, async (request, reply) => {
    const owner = ownerOf(request)
    const jobIds = await namedJobs(deps, owner, request.query.job_id)
    const cursor = cursorOf(request, request.query)
    const begin = (output: OpenStream) => followOwner(deps.ports, owner, jobIds, cursor, output)
    return stream(deps, reply, { all: jobIds === undefined, begin, orElse: () => {} })
  })
}

interface Streamed {
  readonly all: boolean
  readonly begin: (output: OpenStream) => Promise<Following>
  /** What can be said while the log is away. */
  readonly orElse: (output: OpenStream) => void
}

async function stream(deps: AppDependencies, reply: FastifyReply, { all, begin, orElse }: Streamed): Promise<void> {
  const { ports, streams } = deps
  const identity = identityOf(reply.request)
  const { owner } = identity
  const room = streams.room(owner)
  if (room === 'too-many')
    throw new AppError('too-many-streams', `${owner} has as many event streams and waiting requests as it may`)
  if (deps.isStopping()) return sendRetryLater(reply)
  if (room === 'full') return sendRetryLater(reply, BUSY_RETRY_MS)
  const isAllowed = async (): Promise<boolean> => {
    try {
      return await stillValid(identity, ports.log)
    } catch (error) {
      // Not an outage: the stream ends, and its client is asked anew.
      ports.log.warn({ err: error }, 'access to a stream could not be looked up')
      return false
    }
  }
  const output = streams.open(beginStream(reply), { owner, all, isAllowed })
  try {
    const following = await begin(output)
    // Whoever leaves before the first event comes back to this place.
    output.beat(following.cursor())
  } catch (error) {
    ports.log.debug({ err: error, owner }, 'jobs cannot be followed now')
    orElse(output)
    output.end()
  }
}

/** Only behind the terminal event of its job a stream ends without a time to come back: there is nothing more. */
function untilEnd({ attempt }: Job, output: OpenStream): Sink {
  let lastId: string | undefined
  return {
    follow: output.follow,
    ready: output.ready,
    send(frame, percentageOf) {
      lastId = frame.id
      output.send(frame, percentageOf)
    },
    end() {
      // An attempt before the row's may have ended on the way.
      const isAtEnd = (parseCursor(lastId)?.end?.attempt ?? 0) >= attempt
      output.end(isAtEnd ? NO_WORD : undefined)
    },
  }
}

/** A row that has ended says all there is to say. */
function tellEnd(job: Job, output: OpenStream): void {
  if (!isTerminal(job.status)) return
  const reader = createReader(job, undefined)
  for (const frame of passSnapshots(reader, [job], { epoch: '0', seq: 0 })) output.send(frame)
  output.end(NO_WORD)
}

/** In lower case; every one has to be the asker's own. */
async function namedJobs(
  { ports }: AppDependencies,
  owner: string,
  named: string | string[] | undefined,
): Promise<ReadonlySet<string> | undefined> {
  if (named === undefined) return undefined
  const jobIds = new Set([named].flat().map((jobId) => jobId.toLowerCase()))
  const own = new Set((await ports.jobs.findMany([...jobIds])).filter((job) => job.owner === owner).map(idOf))
  for (const jobId of jobIds) {
    if (!own.has(jobId)) throw new AppError('job-not-found', `There is no job ${jobId}`)
  }
  return jobIds
}

function idOf({ jobId }: Job): string {
  return jobId
}

async function resume({ ports }: AppDependencies, job: Job, cursor: Cursor | undefined): Promise<Resumed> {
  try {
    return await resumeAt(ports, job, cursor)
  } catch (error) {
    ports.log.debug({ err: error, jobId: job.jobId }, 'log not readable')
    return { from: cursor }
  }
}

interface CursorQuery {
  readonly last_event_id?: string
  readonly lastEventId?: string
}

/** The header wins: it is what a browser has got last, while the address is the one it began with. */
function cursorOf({ headers }: FastifyRequest, { last_event_id: snake, lastEventId: camel }: CursorQuery) {
  const given = [headers['last-event-id'], snake, camel].flat()
  return parseCursor(given.find((text) => text !== undefined && text !== ''))
}
