import { randomUUID } from 'node:crypto'
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyBaseLogger, LogController } from 'fastify'
import { AppError } from '../domain/errors.ts'
import { checkHeads } from '../services/check-heads.ts'
import { createRefresher } from '../services/refresh-jobs.ts'
import { registerAuth } from './auth.ts'
import { registerCors } from './cors.ts'
import type { App, AppOptions } from './dependencies.ts'
import { registerLimits } from './limits.ts'
import { registerOpenapi } from './openapi.ts'
import { formatRawProblem, sendProblem } from './problems.ts'
import { audioRoutes } from './routes/audio.ts'
import { cutoverRoutes } from './routes/cutover.ts'
import { deadLetterRoutes } from './routes/dead-letters.ts'
import { deliveryRoutes } from './routes/deliveries.ts'
import { descriptionRoutes } from './routes/descriptions.ts'
import { directUploadRoutes } from './routes/direct-uploads.ts'
import { eventRoutes } from './routes/events.ts'
import { type HealthDependencies, healthRoutes } from './routes/health.ts'
import { jobOperationRoutes } from './routes/job-operations.ts'
import { jobRoutes } from './routes/jobs.ts'
import { keyRoutes } from './routes/keys.ts'
import { ownerSecretRoutes } from './routes/owner-secrets.ts'
import { ownerRoutes } from './routes/owners.ts'
import { resultRoutes } from './routes/results.ts'
import { sessionRoutes } from './routes/session.ts'
import { timelineRoutes } from './routes/timeline.ts'
import { tokenRoutes } from './routes/tokens.ts'
import { webhookRoute } from './routes/webhook.ts'
import { formatSchemaErrors } from './schema-errors.ts'
import { registerSecurityHeaders, SECURITY_HEADERS } from './security-headers.ts'
import { DEFAULT_SERVER_LIMITS, guardServer, serverOptionsOf } from './server-limits.ts'
import { createStreamRegistry, HEARTBEAT_MS, type StreamRegistry } from './stream-registry.ts'

/** Beyond an upload's own time: then whatever has not arrived of a request is given up, and its socket closed. */
const REQUEST_GRACE_S = 30
const REQUEST_ID = /^[A-Za-z0-9._-]{1,100}$/

/** The HTTP API: not listening yet. Closing it ends every event stream first. */
export async function createApp(options: AppOptions): Promise<App> {
  const app = createServer(options.logger, options.limits.uploadTimeoutS + REQUEST_GRACE_S, options.server)
  const streams = openStreams(app, options)
  registerCors(app, options.corsOrigins ?? [])
  await registerOpenapi(app)
  const auth = await registerAuth(app, options.ports, options.auth)
  registerLimits(app, options.ports)
  healthRoutes(app, options)
  const closing = new AbortController()
  app.addHook('preClose', async () => closing.abort())
  const deps = { ...options, streams, auth, closing: closing.signal }
  await app.register(jobRoutes, deps)
  await app.register(resultRoutes, deps)
  await app.register(directUploadRoutes, deps)
  await app.register(jobOperationRoutes, deps)
  await app.register(deliveryRoutes, deps)
  await app.register(timelineRoutes, deps)
  await app.register(eventRoutes, deps)
  await app.register(tokenRoutes, deps)
  await app.register(keyRoutes, deps)
  await app.register(ownerSecretRoutes, deps)
  await app.register(ownerRoutes, deps)
  await app.register(deadLetterRoutes, deps)
  await app.register(cutoverRoutes, deps)
  await app.register(audioRoutes, deps)
  await app.register(sessionRoutes, deps)
  await app.register(webhookRoute, deps)
  await app.register(descriptionRoutes)
  return app
}

function openStreams(app: App, { ports, streamLimits = {} }: AppOptions): StreamRegistry {
  const streams = createStreamRegistry(streamLimits)
  const refreshFollowed = createRefresher(ports)
  let refreshing: Promise<void> | undefined
  const refresh = async (): Promise<void> => {
    const followed = streams.followed()
    await Promise.all([refreshFollowed(followed), checkHeads(ports, followed.readers)])
  }
  const refreshOnce = (): void => {
    refreshing ??= refresh().finally(() => {
      refreshing = undefined
    })
  }
  const timer = setInterval(refreshOnce, streamLimits.heartbeatMs ?? HEARTBEAT_MS)
  timer.unref()
  app.addHook('preClose', async () => streams.endAll())
  app.addHook('onClose', async () => {
    clearInterval(timer)
    streams.close()
    await refreshing
  })
  return streams
}

/** What a worker answers about itself, and nothing else. */
export function createOpsApp(options: HealthDependencies & { readonly logger: FastifyBaseLogger }): App {
  const app = createServer(options.logger, REQUEST_GRACE_S)
  healthRoutes(app, options)
  return app
}

function createServer(logger: FastifyBaseLogger, requestTimeoutS: number, server = DEFAULT_SERVER_LIMITS): App {
  const app = Fastify({
    loggerInstance: logger,
    ...serverOptionsOf(server),
    requestTimeout: requestTimeoutS * 1000,
    genReqId: (request) => requestIdOf(request.headers['x-request-id']),
    logController: new LogController({ requestIdLogLabel: 'requestId', disableRequestLogging: true }),
    routerOptions: { maxParamLength: 200 },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      // No hook runs for an address that cannot be read, so nothing has set these.
      reply.headers(SECURITY_HEADERS)
      sendProblem(error, request, reply)
    },
    clientErrorHandler: answerBrokenRequest,
    schemaErrorFormatter: formatSchemaErrors,
  })
    .withTypeProvider<TypeBoxTypeProvider>()
    .setValidatorCompiler(TypeBoxValidatorCompiler)
  takeEmptyJson(app)
  registerSecurityHeaders(app)
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
  })
  app.addHook('onResponse', async (request, reply) => {
    const { method, url } = request
    request.log.debug(
      { method, path: pathOf(url), status: reply.statusCode, elapsedMs: reply.elapsedTime },
      'request served',
    )
  })
  app.server.on('checkExpectation', refuseExpectation)
  guardServer(app, server)
  askForBodiesLate(app)
  app.setErrorHandler(sendProblem)
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      new AppError('route-not-found', `There is no ${request.method} ${pathOf(request.url).slice(0, 200)}`),
      request,
      reply,
    ),
  )
  return app
}

/** Many clients name JSON with every request, also where there is nothing to send: then there is no body. */
function takeEmptyJson(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null)
    else parse(request, body, done)
  })
}

/** Without the query, in which somebody may have put a key: it gets into no log and no answer. */
function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? ''
}

/** What Node cannot read as HTTP has no request: the answer goes to the socket by hand. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
  const { status, headers, body } = formatRawProblem(toHttpError(error.code))
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`)
}

function toHttpError(code: string | undefined): AppError {
  if (code === 'HPE_HEADER_OVERFLOW') return new AppError('request-too-large', 'The headers are too large')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new AppError('upload-expired', 'The request took too long')
  return new AppError('request-invalid', 'The request is not HTTP as it should be')
}

/**
 * A client that sends `Expect: 100-continue` is asked for its body only once it may send it: after its key, its limits
 * and what it announced were looked at. One that is refused keeps its body, and the connection ends with the answer.
 */
function askForBodiesLate(app: App): void {
  const unasked = new WeakSet<IncomingMessage>()
  app.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    unasked.add(request)
    app.server.emit('request', request, response)
  })
  app.addHook('preParsing', async (request, reply) => {
    if (unasked.delete(request.raw)) reply.raw.writeContinue()
  })
  app.addHook('onSend', async (request, reply) => {
    if (unasked.has(request.raw)) reply.header('connection', 'close')
  })
}

function refuseExpectation(request: IncomingMessage, response: ServerResponse): void {
  const expected = String(request.headers.expect).slice(0, 100)
  const { status, headers, body } = formatRawProblem(
    new AppError('expectation-unknown', `Send "Expect: 100-continue" or no such header, not "${expected}".`),
  )
  response.writeHead(status, headers).end(body)
}

function requestIdOf(given: string | string[] | undefined): string {
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
}
