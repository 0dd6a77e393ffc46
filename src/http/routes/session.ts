import type { FastifyRequest } from 'fastify'
import type { App, AppDependencies } from '../dependencies.ts'
import { sessionSchema } from '../key-schemas.ts'
import { assertSameSite } from '../same-site.ts'
import { formatSessionCookie, readSessionCookie } from '../session-tokens.ts'

/**
 * A key or an access token traded for a cookie, so that a page of the same site can use `EventSource`. Only the
 * `Authorization` header opens a session: one cookie is never traded for a longer one.
 */
export async function sessionRoutes(app: App, { auth, onLoopback }: AppDependencies): Promise<void> {
  const path = '/v1/session'
  const config = { public: true }
  // Over http on this very machine a browser would keep no cookie that is for https only.
  const isSecure = ({ headers }: FastifyRequest) => !onLoopback || headers['x-forwarded-proto'] === 'https'

  app.post(path, { config, schema: { response: { 200: sessionSchema } } }, async (request, reply) => {
    const identity = await auth.authenticate(request)
    const { owner, role } = identity
    const session = await auth.sessions.sign(identity)
    reply.header('set-cookie', formatSessionCookie(session, isSecure(request))).header('cache-control', 'no-store')
    return { owner, role, expires_at: session.expiresAt.toISOString() }
  })

  app.delete(path, { config }, async (request, reply) => {
    const { authorization, cookie } = request.headers
    // No page of another site can send `Authorization` without being asked first, and `Authorization` wins everywhere.
    const byCookie = authorization === undefined && readSessionCookie(cookie) !== undefined
    if (byCookie) assertSameSite(request.method, request.headers)
    return reply
      .code(204)
      .header('set-cookie', formatSessionCookie(undefined, isSecure(request)))
      .send()
  })
}
