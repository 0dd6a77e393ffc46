/** A system whose uploads take the direct route, to our own analysis server or to one that a test makes up. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after } from 'node:test'
import { pino } from 'pino'
import { createLocalDirectRoute } from '../../src/analysis-server.ts'
import { loadConfig } from '../../src/config.ts'
import { signBody } from '../../src/domain/callback.ts'
import type { Route } from '../../src/domain/job.ts'
import type { Places } from '../../src/places.ts'
import type { NewJob, Ports } from '../../src/ports.ts'
import { openResources } from '../../src/resources.ts'
import { ROLES, type Role } from '../../src/roles.ts'
import { OTHER_KEY, TEST_KEY } from './system.ts'

export const SECRET = 'a secret of this test alone'

export interface DirectSystemOptions {
  readonly roles?: readonly Role[]
  readonly env?: Readonly<Record<string, string>>
  /** Where orders are posted; without it our own analysis server is started. */
  readonly analysisServerUrl?: string
  /** Which way an upload goes; default direct. */
  readonly routeOf?: (job: NewJob) => Route
}

export async function startDirectSystem(places: Places, options: DirectSystemOptions = {}) {
  const { roles = ['api', 'reconcile'], env = {}, analysisServerUrl, routeOf = () => 'direct' } = options
  const given = analysisServerUrl && { ANALYSIS_SERVER_URL: analysisServerUrl, WEBHOOK_URL: 'http://127.0.0.1:1' }
  const BOOTSTRAP_API_KEYS = `acme=${TEST_KEY}:admin,other=${OTHER_KEY}`
  const usual = { PORT: '0', BOOTSTRAP_API_KEYS, RECONCILE_INTERVAL_S: '0.1', WEBHOOK_SECRET: SECRET }
  const local = createLocalDirectRoute(loadConfig({ ...usual, ...given, ...env }))
  const { config } = local
  const logger = pino({ level: process.env.TEST_LOG_LEVEL ?? 'silent' })
  const resources = openResources(config, places, logger)
  await resources.migrate()
  await resources.provision()
  const server = analysisServerUrl === undefined ? await local.start({ ...resources, logger }) : undefined
  const ports = withRoutes(resources.ports, routeOf)
  const { promise: listening, resolve } = Promise.withResolvers<string>()
  const onListening = (url: string): void => {
    local.announce(url)
    resolve(url)
  }
  const stopping = new AbortController()
  const { signal } = stopping
  const context = { ...resources, ports, config, logger, signal, release: signal, onListening }
  const running = roles.map((role) => ROLES[role](context))
  for (const run of running) run.catch(() => {})
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      await server?.stop(AbortSignal.abort())
      stopping.abort()
      await Promise.all(running)
      await resources.close()
    })()
    return stopped
  }
  after(stop)
  const url = await Promise.race([listening, Promise.all(running).then(() => '')])
  return { url, ports, config, stop, metrics: resources.metrics }
}

function withRoutes(ports: Ports, routeOf: (job: NewJob) => Route): Ports {
  const { jobs } = ports
  const create = (job: NewJob) => jobs.create({ ...job, route: routeOf(job) })
  return Object.create(ports, { jobs: { value: { ...jobs, create }, enumerable: true } }) as Ports
}

export interface TestServer {
  readonly url: string
  /** Bodies of the orders, as they came. */
  readonly orders: Record<string, unknown>[]
}

/** An analysis server as a test wants it: told each order and its number, from 1. */
export async function startServer(
  onOrder: (order: Record<string, unknown>, response: ServerResponse, count: number) => void,
): Promise<TestServer> {
  const orders: Record<string, unknown>[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const order = JSON.parse(await text(request)) as Record<string, unknown>
    orders.push(order)
    onOrder(order, response, orders.length)
  }
  const server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/analyse`, orders }
}

export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

/** Posts an answer as the analysis server does; `signature` false leaves it unsigned, a text is sent as it is. */
export async function answerTo(
  callbackUrl: unknown,
  body: unknown,
  { secret = SECRET, signature, ageS = 0 }: { secret?: string; signature?: string | false; ageS?: number } = {},
): Promise<Answered> {
  const sent = typeof body === 'string' ? body : JSON.stringify(body)
  const signed = signature ?? signBody([secret], Math.floor(Date.now() / 1000) - ageS, sent)
  const headers = { 'content-type': 'application/json', ...(signed === false ? {} : { 'x-signature': signed }) }
  const response = await fetch(String(callbackUrl), { method: 'POST', headers, body: sent })
  const answered = (await response.json()) as Record<string, unknown>
  return { status: response.status, headers: response.headers, body: answered }
}

/** A `completed` answer to an order, with a small result. */
export const completed = ({ job_id, attempt = 1 }: Record<string, unknown>) => ({
  version: 1,
  type: 'completed',
  job_id,
  attempt,
  duration_s: 0.6,
  result: { version: 1, job_id },
})
