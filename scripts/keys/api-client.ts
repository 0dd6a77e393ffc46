/** Calls to a running API by a script: what went wrong comes back as one sentence. */
import { UsageError } from './usage-error.ts'

const TIMEOUT_MS = 15_000

interface CallOptions {
  readonly query?: Readonly<Record<string, string>>
  readonly body?: object
}

export type ApiClient = (method: string, path: string, options?: CallOptions) => Promise<unknown>

/** Resolves to the answer's JSON, null when it has none. Throws an Error whose message can be shown. */
export function createApiClient(baseUrl: string, key: string): ApiClient {
  if (!/^https?:\/\//.test(baseUrl) || !URL.canParse(baseUrl)) {
    throw new UsageError(`TONEWIRE_URL is "${baseUrl}", which is not an http or https URL.`)
  }
  if (!/^[\x21-\x7e]+$/.test(key)) throw new UsageError('TONEWIRE_KEY has characters that no key has.')
  return async (method, path, { query = {}, body } = {}) => {
    const url = new URL(`${baseUrl.replace(/\/+$/, '')}${path}?${new URLSearchParams(query)}`)
    const headers = { authorization: `Bearer ${key}`, ...(body && { 'content-type': 'application/json' }) }
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const init = { method, headers, signal, ...(body && { body: JSON.stringify(body) }) }
    const response = await fetch(url, init).catch((error: unknown) => {
      throw new Error(`${baseUrl} cannot be reached: ${reasonOf(error)}.`)
    })
    const text = await response.text()
    if (!response.ok) throw new Error(explain(response.status, text))
    return text === '' ? null : parse(text)
  }
}

function explain(status: number, text: string): string {
  const { title, detail, code } = (parse(text) ?? {}) as { title?: string; detail?: string; code?: string }
  if (code === undefined) return `The API answered ${status}; is TONEWIRE_URL the address of Tonewire?`
  if (status === 401) return `The API does not know this TONEWIRE_KEY. ${detail}`
  if (status === 403) return `TONEWIRE_KEY is not the key of an admin. ${detail}`
  return detail === undefined ? `${title} (${code})` : `${detail.replace(/\.$/, '')} (${code}).`
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // not from our API; the caller says so
  }
}

function reasonOf(error: unknown): string {
  const { cause, message, name } = error as Error & { cause?: { code?: string; message?: string } }
  if (name === 'TimeoutError') return `no answer within ${TIMEOUT_MS / 1000} s`
  return cause?.code ?? cause?.message ?? message
}
