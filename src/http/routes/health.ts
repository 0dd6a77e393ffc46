import { timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { hashKey } from '../../domain/api-key.ts'
import { AppError } from '../../domain/errors.ts'

export interface HealthDependencies {
  /** What has to answer before this process can do its work, by name. */
  readonly checks: Readonly<Record<string, () => Promise<void>>>
  readonly isStopping: () => boolean
  readonly renderMetrics: () => Promise<{ contentType: string; text: string }>
  /** Needed to read the metrics; undefined: open, on loopback only. */
  readonly metricsToken: string | undefined
  readonly onLoopback: boolean
}

const CHECK_TIMEOUT_MS = 2_000
const open = { config: { public: true } }

/** Alive, ready, and the figures: for orchestrators and operators. */
export function healthRoutes(app: FastifyInstance, deps: HealthDependencies): void {
  app.get('/livez', open, async () => ({ status: 'ok' }))

  app.get('/readyz', open, async () => {
    if (deps.isStopping()) throw new AppError('shutting-down', 'This process is stopping')
    for (const [name, check] of Object.entries(deps.checks)) await bounded(name, check)
    return { status: 'ok', checks: Object.keys(deps.checks) }
  })

  app.get('/metrics', open, async (request, reply) => {
    if (!mayReadMetrics(deps, request.headers.authorization)) {
      throw new AppError('unauthorized', 'Send METRICS_TOKEN as "Authorization: Bearer <token>".')
    }
    const { contentType, text } = await deps.renderMetrics()
    return reply.type(contentType).send(text)
  })
}

async function bounded(name: string, check: () => Promise<void>): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(() => reject(new Error('took too long')), CHECK_TIMEOUT_MS)
  try {
    await Promise.race([check(), late])
  } catch (error) {
    throw new AppError('not-ready', `The ${name} does not answer`, { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

function mayReadMetrics({ metricsToken, onLoopback }: HealthDependencies, authorization: string | undefined): boolean {
  if (metricsToken === undefined) return onLoopback
  const given = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? ''
  return timingSafeEqual(Buffer.from(hashKey(given)), Buffer.from(hashKey(metricsToken)))
}
