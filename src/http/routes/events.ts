import type { FastifyReply } from 'fastify'
import { type Cursor, parseCursor } from '../../domain/cursor.ts'
import { createReader, passSnapshot } from '../../domain/event-reader.ts'
import { isTerminal, type Job } from '../../domain/job.ts'
import { followJob, hasSeenTheEnd } from '../../services/follow-job.ts'
import { ownerOf } from '../auth.ts'
import type { App, AppDependencies } from '../dependencies.ts'
import { eventsQuerySchema, jobParamsSchema } from '../schemas.ts'
import { formatRetry, SSE_HEADERS } from '../sse.ts'
import { findOwnJob } from './jobs.ts'

const RETRY_MS = 2_000

/** The progress of a job as server-sent events. */
export async function eventRoutes(app: App, deps: AppDependencies): Promise<void> {
  const schema = { params: jobParamsSchema, querystring: eventsQuerySchema }
  app.get('/v1/jobs/:job_id/events', { schema, exposeHeadRoute: false }, async (request, reply) => {
    const job = await findOwnJob(deps, ownerOf(request), request.params.job_id)
    const { last_event_id: snake, lastEventId: camel } = request.query
    const cursor = parseCursor(lastEventId(request.headers['last-event-id']) ?? snake ?? camel)
    if (await sawTheEnd(deps, job, cursor)) return reply.code(204).send()
    return stream(deps, job, cursor, reply)
  })
}

async function stream(deps: AppDependencies, job: Job, cursor: Cursor | undefined, reply: FastifyReply): Promise<void> {
  const { ports, streams } = deps
  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, { ...SSE_HEADERS, 'x-request-id': reply.request.id })
  raw.write(formatRetry(RETRY_MS))
  // EventSource gives up on any status but 200: what will pass is told by ending the stream, with a time to come back.
  if (deps.isStopping()) return void raw.end()
  const output = streams.open(raw, job.jobId)
  try {
    const following = await followJob(ports, job, cursor, output)
    output.cursor = following.cursor
    output.onClose(following.stop)
  } catch (error) {
    ports.log.debug({ err: error, jobId: job.jobId }, 'job cannot be followed now')
    if (isTerminal(job.status))
      output.send(passSnapshot(createReader(job.jobId, undefined), job, { epoch: '0', seq: 0 }))
    output.end()
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
