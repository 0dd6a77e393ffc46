import { AppError } from '../../domain/errors.ts'
import { ownerOf } from '../auth.ts'
import { deliveryListSchema, deliveryParamsSchema, deliverySchema, toDeliveryView } from '../delivery-schemas.ts'
import type { App, AppDependencies } from '../dependencies.ts'
import { jobParamsSchema } from '../schemas.ts'
import { findOwnJob } from './jobs.ts'

/** What was sent to a job's `callback_url`, and sending it again. */
export async function deliveryRoutes(app: App, deps: AppDependencies): Promise<void> {
  const { ports } = deps
  app.get(
    '/v1/jobs/:job_id/deliveries',
    { schema: { params: jobParamsSchema, response: { 200: deliveryListSchema } } },
    async (request) => {
      const owner = ownerOf(request)
      const { jobId } = await findOwnJob(deps, owner, request.params.job_id)
      return { items: (await ports.deliveries.list(owner, jobId)).map(toDeliveryView) }
    },
  )

  app.post(
    '/v1/jobs/:job_id/deliveries/:delivery_id/replay',
    { schema: { params: deliveryParamsSchema, response: { 202: deliverySchema } } },
    async (request, reply) => {
      const owner = ownerOf(request)
      const { jobId } = await findOwnJob(deps, owner, request.params.job_id)
      const { delivery_id: deliveryId } = request.params
      const delivery = await ports.deliveries.replay(owner, jobId, deliveryId.toLowerCase())
      if (delivery === undefined) throw new AppError('delivery-not-found', `There is no delivery ${deliveryId}`)
      return reply.code(202).send(toDeliveryView(delivery))
    },
  )
}
