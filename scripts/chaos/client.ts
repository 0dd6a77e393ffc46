/**
 * A client as clients are: it sends again what may pass, an upload under its idempotency key, and does not give up
 * before its time is over.
 */
import { setTimeout as delay } from 'node:timers/promises'

export interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
}

export interface Client {
  readonly url: string
  readonly key: string
  /** Tries until there is an answer that stands; throws with the last one when time is over. */
  call(method: string, path: string, given?: Given): Promise<Answer>
}

export interface Given {
  readonly body?: Buffer | FormData | object
  readonly headers?: Readonly<Record<string, string>>
}

const PASSES = new Set([425, 429, 502, 503, 504])
/** The upload before broke off, or another of the same key is under way: sent again. */
const PASSING_CODES = new Set(['idempotency-busy', 'upload-expired', 'upload-aborted', 'upload-too-slow'])
/** An upload straight to the store is not sent to the API: once expired it stays so, and a new one has to begin. */
const stands = (path: string, code: unknown): boolean =>
  !PASSING_CODES.has(`${code}`) || (code === 'upload-expired' && path.startsWith('/v1/uploads/'))
const WAIT_MS = 150
const ANSWER_MS = 15_000

export function createClient(url: string, key: string, deadline: AbortSignal): Client {
  const once = async (method: string, path: string, { body, headers = {} }: Given): Promise<Answer> => {
    const isJson = body !== undefined && !Buffer.isBuffer(body) && !(body instanceof FormData)
    const response = await fetch(new URL(path, url), {
      method,
      headers: { authorization: `Bearer ${key}`, ...(isJson && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: (isJson ? JSON.stringify(body) : body) as never }),
      signal: AbortSignal.any([deadline, AbortSignal.timeout(ANSWER_MS)]),
    })
    const text = await response.text()
    return { status: response.status, body: parse(text) }
  }
  return {
    url,
    key,
    async call(method, path, given = {}) {
      let last = 'no answer'
      while (!deadline.aborted) {
        try {
          const answer = await once(method, path, given)
          if (!PASSES.has(answer.status) && stands(path, answer.body.code)) return answer
          last = `${answer.status} ${JSON.stringify(answer.body)}`
        } catch (error) {
          last = String(error)
        }
        await delay(WAIT_MS)
      }
      throw new Error(`${method} ${path} was never answered: ${last}`)
    },
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return { text } // not JSON: the status says enough
  }
}
