import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Cursor, parseCursor } from '../../domain/cursor.ts'
import { createReader, passSnapshot } from '../../domain/event-reader.ts'
import { isTerminal, type Job } from '../../domain/job.ts'
import { followJob, hasSeenTheEnd } from '../../services/follow-job.ts'
import { ownerOf, stillValid } from '../auth.ts'
import type { App, AppDependencies } from '../dependencies.ts'
import { eventsQuerySchema, jobParamsSchema } from '../schemas.ts'
import { beginStream, sendRetryLater } from '../sse.ts'
import { findOwnJob } from './jobs.ts'

/** The progress of a job as server-sent events. */
export async function eventRoutes(app: App, deps: AppDependencies): Promise<void> {
  const schema = { params: jobParamsSchema, querystring: eventsQuerySchema }
  app.get(
    '/v1/jobs/:job_id/events',
    { schema, exposeHeadRoute: false, config: { eventStream: true } },
    async (request, reply) => {
      const job = await findOwnJob(deps, ownerOf(request), request.params.job_id)
      const { last_event_id: snake, lastEventId: camel } = request.query
      const cursor = parseCursor(lastEventId(request.headers['last-event-id']) ?? snake ?? camel)
      if (await sawTheEnd(deps, job, cursor)) return reply.code(204).send()
      return stream(deps, job, cursor, reply)
    },
  )
}

async function stream(deps: AppDependencies, job: Job, cursor: Cursor | undefined, reply: FastifyReply): Promise<void> {
  const { ports, streams } = deps
  if (deps.isStopping()) return sendRetryLater(reply)
  const raw = beginStream(reply)
  const output = streams.open(raw, job.jobId, () => isStillAllowed(deps, reply.request))
  try {
    const following = await followJob(ports, job, cursor, output)
    output.cursor = following.cursor
    output.onClose(following.stop)
  } catch (error) {
    ports.log.debug({ err: error, jobId: job.jobId }, 'job cannot be followed now')
    const ending =
      isTerminal(job.status) && passSnapshot(createReader(job.jobId, undefined), job, { epoch: '0', seq: 0 })
    if (ending) output.send(ending)
    output.end()
  }
}

/** When that cannot be found out for another reason than an outage, the stream ends, and its client is asked anew. */
async function isStillAllowed({ ports }: AppDependencies, request: FastifyRequest): Promise<boolean> {
  try {
    return await stillValid(request)
  } catch (error) {
    ports.log.warn({ err: error }, 'access to a stream could not be looked up')
    return false
  }
}

async function sawTheEnd({ ports }: AppDependencies, job: Job, cursor: Cursor | undefined): Promise<boolean> {
  try {
    return await hasSeenTheEnd(ports, job, cursor)
  } catch (error) {
    ports.log.debug({ err: error, jobId: job.jobId }, 'log not readable')
    return false
  }
}

function lastEventId(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && header !== '' ? header : undefined
}
