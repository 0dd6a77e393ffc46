/** Requests that a browser sends with its cookie although another site made them (cross-site request forgery). */
import type { IncomingHttpHeaders } from 'node:http'
import { AppError } from '../domain/errors.ts'

const READING = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * A request by cookie may read when no other site made it, and change something only when a page of this very origin
 * did. `Sec-Fetch-Site` is the browser's own word, which no page can forge (W3C Fetch Metadata §2.3); browsers that do
 * not send it, or not over plain http, name the page in `Origin`. Throws `forbidden`.
 */
export function assertSameSite(method: string, headers: IncomingHttpHeaders): void {
  const site = headers['sec-fetch-site']
  const allowed = READING.has(method) ? site !== 'cross-site' : isSameOrigin(site, headers)
  if (allowed) return
  throw new AppError(
    'forbidden',
    'A session is for pages of this site only. Send "Authorization: Bearer <key>" instead.',
  )
}

function isSameOrigin(site: string | string[] | undefined, { origin, host }: IncomingHttpHeaders): boolean {
  if (site !== undefined) return site === 'same-origin'
  if (origin === undefined || host === undefined || !URL.canParse(origin)) return false
  return new URL(origin).host === host.toLowerCase()
}
