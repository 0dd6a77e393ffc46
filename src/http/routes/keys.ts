import { createKey, revokeKey } from '../../services/manage-keys.ts'
import { identityOf } from '../auth.ts'
import type { App, AppDependencies } from '../dependencies.ts'
import { keyListSchema, keyPageSchema, keyParamsSchema, madeKeySchema, newKeySchema } from '../key-schemas.ts'
import { toKeyView } from '../key-view.ts'

/** API keys, for admins; `auth.ts` lets nobody else in here. */
export async function keyRoutes(app: App, { ports, auth }: AppDependencies): Promise<void> {
  const path = '/v1/admin/keys'

  app.post(path, { schema: { body: newKeySchema, response: { 201: madeKeySchema } } }, async (request, reply) => {
    const { owner, role = 'user', name, expires_at: expires } = request.body
    const expiresAt = typeof expires === 'string' ? new Date(expires) : null
    const { text, key } = await createKey(ports, { owner, role, name, expiresAt })
    request.log.info({ keyId: key.keyId, owner, role, byKeyId: identityOf(request).keyId }, 'key made')
    return reply
      .code(201)
      .header('cache-control', 'no-store')
      .send({ key: text, ...toKeyView(key) })
  })

  app.get(path, { schema: { querystring: keyPageSchema, response: { 200: keyListSchema } } }, async (request) => {
    const { owner, limit = 50, cursor: after } = request.query
    const found = await ports.keys.list({ owner, after, limit: limit + 1 })
    const page = found.slice(0, limit)
    return { items: page.map(toKeyView), next_cursor: found.length > limit ? (page.at(-1)?.keyId ?? null) : null }
  })

  app.delete(`${path}/:key_id`, { schema: { params: keyParamsSchema } }, async (request, reply) => {
    const keyId = request.params.key_id.toLowerCase()
    await revokeKey(ports, keyId)
    auth.keys.forget(keyId)
    request.log.info({ keyId, byKeyId: identityOf(request).keyId }, 'key revoked')
    return reply.code(204).send()
  })
}
