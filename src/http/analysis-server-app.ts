/** The HTTP of our analysis server: an order by POST at any path, as the legacy servers take it, and its health. */
import type { FastifyBaseLogger } from 'fastify'
import { AppError } from '../domain/errors.ts'
import { type AnalysisRequest, MAX_MESSAGE_BYTES, parseAnalysisRequest } from '../domain/messages.ts'
import type { OrderDesk } from '../services/serve-orders.ts'
import { createOpsApp } from './app.ts'
import type { App } from './dependencies.ts'
import type { HealthDependencies } from './routes/health.ts'

export interface AnalysisServerAppOptions extends HealthDependencies {
  readonly desk: Pick<OrderDesk, 'take'>
  /** Whether answers to this job may be sent to this address. */
  readonly mayCall: (callbackUrl: string, jobId: string) => boolean
  readonly logger: FastifyBaseLogger
}

const RETRY_AFTER_S = 5

/** Not listening yet. */
export function createAnalysisServerApp(options: AnalysisServerAppOptions): App {
  const app = createOpsApp(options)
  app.register(orderRoute, options)
  return app
}

async function orderRoute(app: App, { desk, mayCall }: AnalysisServerAppOptions): Promise<void> {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<string>('*', { parseAs: 'string', bodyLimit: MAX_MESSAGE_BYTES }, (_request, body, done) =>
    done(null, body),
  )
  app.post('/*', async (request, reply) => {
    const order = readOrder(request.body)
    if (order.callback_url === null || !mayCall(order.callback_url, order.job_id)) {
      // About this installation, not about the recording: an answer that the caller takes for one about that ends its job.
      throw new AppError(
        'forbidden',
        'callback_url is not the webhook under WEBHOOK_URL for this job_id: answers are sent nowhere else.',
      )
    }
    if (!desk.take(order)) {
      throw new AppError('not-ready', 'As many orders are held as may be. Send it again.', {
        retryAfterS: RETRY_AFTER_S,
      })
    }
    return reply.code(202).send({ status: 'accepted', job_id: order.job_id })
  })
}

/** Tokens whose ids are numbers have them as JSON numbers where an installation still speaks to old servers. */
function readOrder(body: unknown): AnalysisRequest {
  const text = typeof body === 'string' ? body : ''
  return parseAnalysisRequest(text.replace(/("token_id"\s*:\s*)(\d{1,16})(\s*[,}])/, '$1"$2"$3'))
}
