import { randomUUID } from 'node:crypto'
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyBaseLogger, LogController } from 'fastify'
import { AppError } from '../domain/errors.ts'
import { refreshJobs } from '../services/refresh-jobs.ts'
import { registerAuth } from './auth.ts'
import type { App, AppOptions } from './dependencies.ts'
import { sendProblem } from './problems.ts'
import { eventRoutes } from './routes/events.ts'
import { type HealthDependencies, healthRoutes } from './routes/health.ts'
import { jobRoutes } from './routes/jobs.ts'
import { createStreamRegistry } from './sse.ts'

const REQUEST_ID = /^[A-Za-z0-9._-]{1,100}$/

/** The HTTP API: not listening yet. Closing it ends every event stream first. */
export async function createApp(options: AppOptions): Promise<App> {
  const app = createServer(options.logger)
  const streams = createStreamRegistry((jobIds) => refreshJobs(options.ports, jobIds))
  app.addHook('preClose', async () => streams.endAll())
  app.addHook('onClose', async () => streams.close())
  registerAuth(app, options.ports.keys)
  healthRoutes(app, options)
  const deps = { ...options, streams }
  await app.register(jobRoutes, deps)
  await app.register(eventRoutes, deps)
  return app
}

/** What a worker answers about itself, and nothing else. */
export function createOpsApp(options: HealthDependencies & { readonly logger: FastifyBaseLogger }): App {
  const app = createServer(options.logger)
  healthRoutes(app, options)
  return app
}

function createServer(logger: FastifyBaseLogger): App {
  const app = Fastify({
    loggerInstance: logger,
    genReqId: (request) => requestIdOf(request.headers['x-request-id']),
    logController: new LogController({ requestIdLogLabel: 'requestId', disableRequestLogging: true }),
    routerOptions: { maxParamLength: 200 },
    forceCloseConnections: 'idle',
  })
    .withTypeProvider<TypeBoxTypeProvider>()
    .setValidatorCompiler(TypeBoxValidatorCompiler)
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
  })
  app.addHook('onResponse', async (request, reply) => {
    const { method, url } = request
    request.log.debug({ method, url, status: reply.statusCode, elapsedMs: reply.elapsedTime }, 'request served')
  })
  app.setErrorHandler(sendProblem)
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      new AppError('route-not-found', `There is no ${request.method} ${request.url.slice(0, 200)}`),
      request,
      reply,
    ),
  )
  return app
}

function requestIdOf(given: string | string[] | undefined): string {
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
}
