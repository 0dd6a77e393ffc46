/**
 * HTTP to addresses that clients chose. Nothing the other side does is trusted or waited for without bound: 5 s to
 * connect (resolving included), 15 s in all, 64 KB of an answer; redirects are not followed, no connection is kept.
 */
import { Agent, type Dispatcher, request } from 'undici'
import { type CallbackUrlRules, checkCallbackUrl } from '../domain/callback-url.ts'
import type { CallbackAnswer, CallbackSender } from '../ports/deliveries.ts'
import { AddressRefused, createCheckedLookup, type Resolve, resolveHost } from './checked-lookup.ts'

export interface SenderOptions extends CallbackUrlRules {
  readonly resolve?: Resolve
  readonly connectTimeoutMs?: number
  readonly timeoutMs?: number
  readonly maxAnswerBytes?: number
}

export function createCallbackSender(options: SenderOptions = {}): CallbackSender & { close(): Promise<void> } {
  const { timeoutMs = 15_000, maxAnswerBytes = 64 * 1024 } = options
  const connect = {
    lookup: createCheckedLookup(options.resolve ?? resolveHost, options),
    timeout: options.connectTimeoutMs ?? 5_000,
  }
  // Without keep-alive: an idle connection to each client's endpoint is worth nothing, and each one is checked anew.
  const agent = new Agent({
    connect,
    pipelining: 0,
    allowH2: false,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: -1,
  })
  return {
    send: async (url, { headers, body }, signal) => {
      // Node connects to an address without asking `lookup`: what the text says is checked here, each time.
      const refused = checkCallbackUrl(url, options)
      if (refused !== undefined) return { kind: 'refused', sentence: `The callback_url ${refused}.` }
      const bounded = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
      try {
        const answer = await request(url, { method: 'POST', headers, body, dispatcher: agent, signal: bounded })
        await discard(answer.body, maxAnswerBytes)
        return { kind: 'answered', status: answer.statusCode, retryAfterS: retryAfterOf(answer.headers) }
      } catch (error) {
        signal.throwIfAborted()
        return toFailure(error)
      }
    },
    close: () => agent.destroy(),
  }
}

/** Reads what fits and breaks off the rest. The status has been told by then, so how the body ends changes nothing. */
async function discard(body: Dispatcher.ResponseData['body'], maxBytes: number): Promise<void> {
  let bytes = 0
  try {
    for await (const chunk of body) {
      bytes += (chunk as Buffer).length
      if (bytes > maxBytes) break
    }
  } catch {
    body.destroy()
  }
}

/** `Retry-After` (RFC 9110 §10.2.3): seconds, or a date. */
function retryAfterOf(headers: Dispatcher.ResponseData['headers']): number | null {
  const value = headers['retry-after']
  if (typeof value !== 'string') return null
  if (/^\d{1,9}$/.test(value.trim())) return Number(value)
  const ms = Date.parse(value) - Date.now()
  return Number.isNaN(ms) ? null : Math.max(0, Math.ceil(ms / 1000))
}

const UNKNOWN_AUTHORITY =
  'The certificate is of no authority that is known here: use one of a public authority, and send its intermediate certificates along.'

const SENTENCES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'The connection was refused.',
  ECONNRESET: 'The connection was reset.',
  ENOTFOUND: 'The host was not found.',
  EAI_AGAIN: 'The host could not be resolved.',
  EHOSTUNREACH: 'The host cannot be reached.',
  ENETUNREACH: 'The host cannot be reached.',
  ETIMEDOUT: 'The connection took too long.',
  UND_ERR_CONNECT_TIMEOUT: 'The connection took too long.',
  UND_ERR_HEADERS_TIMEOUT: 'No answer came in time.',
  UND_ERR_SOCKET: 'The connection was closed before an answer came.',
  CERT_HAS_EXPIRED: 'The certificate has expired: renew it.',
  CERT_NOT_YET_VALID: 'The certificate is not valid yet.',
  ERR_TLS_CERT_ALTNAME_INVALID: 'The certificate is for another host than that of callback_url.',
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
}

function toFailure(error: unknown): CallbackAnswer {
  if (error instanceof AddressRefused)
    return { kind: 'refused', sentence: `The host of callback_url has ${error.message}.` }
  const { name, code = '' } = error as { name?: string; code?: string }
  if (name === 'TimeoutError') return { kind: 'failed', sentence: 'No answer came in time.' }
  const tls = /CERT|SSL|TLS|ALTNAME|SELF_SIGNED/.test(code) ? 'The certificate is not accepted.' : undefined
  return { kind: 'failed', sentence: SENTENCES[code] ?? tls ?? 'The request failed.' }
}
