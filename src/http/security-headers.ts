/** What every answer tells a browser, whatever it is an answer to. */
import type { FastifyInstance } from 'fastify'

/** Of all answers but pages, which bring a policy of their own: there is nothing in them to load, run or frame. */
const NO_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'"

/**
 * A drawing is XML with a style sheet in it: opened by itself it keeps its colours, and can run, load and send nothing.
 */
export const DRAWING_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"

export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  // A page of the same site may use a session, so it may also show a drawing; other sites go by CORS.
  'cross-origin-resource-policy': 'same-site',
  'content-security-policy': NO_CONTENT_POLICY,
}

const TWO_YEARS_S = 2 * 365 * 86_400

/**
 * To be registered before what may answer. The headers are set on the raw answer, which server-sent events share; a
 * route that names one of them wins. Only over https is a browser told to stay there (RFC 6797, §7.2), and a proxy's
 * word that it was https counts only when that proxy is trusted.
 */
export function registerSecurityHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, { raw }) => {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) raw.setHeader(name, value)
    if (request.protocol === 'https') raw.setHeader('strict-transport-security', `max-age=${TWO_YEARS_S}`)
  })
}
