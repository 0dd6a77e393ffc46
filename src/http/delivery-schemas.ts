/** Deliveries and callback secrets on the wire. */
import { type Static, Type } from 'typebox'
import { OWNER_PATTERN } from '../domain/api-key.ts'
import { CALLBACK_EVENTS, DELIVERY_STATUSES, type Delivery } from '../ports/deliveries.ts'

const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const time = () => Type.String({ format: 'date-time' })

export const deliverySchema = Type.Object({
  delivery_id: Type.String({ format: 'uuid', description: 'Sent as x-tonewire-delivery, the same on every try' }),
  job_id: Type.String({ format: 'uuid' }),
  attempt: Type.Integer(),
  event: Type.Enum([...CALLBACK_EVENTS]),
  url: Type.String(),
  status: Type.Enum([...DELIVERY_STATUSES]),
  tries: Type.Integer({ description: 'Sends begun since the event or the last replay' }),
  next_try_at: nullable(time()),
  last_status: nullable(Type.Integer({ description: 'HTTP status of the last answer' })),
  last_error: nullable(Type.String()),
  created_at: time(),
  delivered_at: nullable(time()),
})
export type DeliveryView = Static<typeof deliverySchema>

export const deliveryListSchema = Type.Object({ items: Type.Array(deliverySchema) })
export const deliveryParamsSchema = Type.Object({
  job_id: Type.String({ format: 'uuid' }),
  delivery_id: Type.String({ format: 'uuid' }),
})
export const ownerParamsSchema = Type.Object({ owner: Type.String({ pattern: OWNER_PATTERN }) })
export const ownerSecretSchema = Type.Object({
  owner: Type.String(),
  secret: Type.String({ description: 'Shown this once' }),
})

/** A delivery as its owner sees it. */
export function toDeliveryView(delivery: Delivery): DeliveryView {
  return {
    delivery_id: delivery.deliveryId,
    job_id: delivery.jobId,
    attempt: delivery.attempt,
    event: delivery.event,
    url: delivery.url,
    status: delivery.status,
    tries: delivery.tries,
    next_try_at: delivery.nextTryAt?.toISOString() ?? null,
    last_status: delivery.lastStatus,
    last_error: delivery.lastError,
    created_at: delivery.createdAt.toISOString(),
    delivered_at: delivery.deliveredAt?.toISOString() ?? null,
  }
}
