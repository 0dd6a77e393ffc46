import { identityOf } from '../auth.ts'
import { ownerParamsSchema, ownerSecretSchema } from '../delivery-schemas.ts'
import type { App, AppDependencies } from '../dependencies.ts'

/** The secret that signs an owner's callbacks, for admins; `auth.ts` lets nobody else in here. */
export async function ownerSecretRoutes(app: App, { ports }: AppDependencies): Promise<void> {
  const schema = { params: ownerParamsSchema, response: { 200: ownerSecretSchema } }
  app.post('/v1/admin/owners/:owner/secret', { schema }, async (request, reply) => {
    const { owner } = request.params
    const secret = await ports.ownerSecrets.rotate(owner)
    request.log.info({ owner, byKeyId: identityOf(request).keyId }, 'callback secret rotated')
    return reply.header('cache-control', 'no-store').send({ owner, secret })
  })
}
