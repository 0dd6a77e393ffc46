import { requestOwnerDeletion } from '../../services/delete-owner.ts'
import { identityOf } from '../auth.ts'
import type { App, AppDependencies } from '../dependencies.ts'
import { ownerDeletionSchema, ownerParamsSchema } from '../owner-schemas.ts'

/** Owners, for admins; `auth.ts` lets nobody else in here. */
export async function ownerRoutes(app: App, { ports, auth }: AppDependencies): Promise<void> {
  const schema = { params: ownerParamsSchema, response: { 202: ownerDeletionSchema } }
  app.delete('/v1/admin/owners/:owner', { schema }, async (request, reply) => {
    const { owner, requestedAt, keyIds, jobs, tokens } = await requestOwnerDeletion(ports, request.params.owner)
    for (const keyId of keyIds) auth.keys.forget(keyId)
    request.log.info({ owner, byKeyId: identityOf(request).keyId }, 'deletion of an owner requested')
    return reply.code(202).send({ owner, requested_at: requestedAt.toISOString(), keys: keyIds.length, jobs, tokens })
  })
}
