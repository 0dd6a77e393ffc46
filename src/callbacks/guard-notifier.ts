/**
 * Tells somebody what the guard of the cutover did. The operator chose the address, so this machine and private networks
 * are no secret from it; all the same nothing is waited for without bound, and redirects are not followed.
 */
import { Agent, request } from 'undici'
import type { GuardNotifier } from '../ports/cutover.ts'

const TIMEOUT_MS = 10_000
const MOST_ANSWER_BYTES = 64 * 1024

export function createGuardNotifier(
  url: string | undefined,
  { timeoutMs = TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
): GuardNotifier & { close(): Promise<void> } {
  const agent = new Agent({ pipelining: 0, connect: { timeout: timeoutMs }, maxResponseSize: MOST_ANSWER_BYTES })
  const headers = { 'content-type': 'application/json', 'user-agent': 'tonewire' }
  return {
    isConfigured: url !== undefined,
    notify: async (body, signal) => {
      if (url === undefined) return 'There is no address to tell it to.'
      const bounded = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])])
      try {
        const answer = await request(url, { method: 'POST', headers, body, dispatcher: agent, signal: bounded })
        const { statusCode } = answer
        // What it says does not matter, nor how its body ends.
        await answer.body.dump({ limit: MOST_ANSWER_BYTES, signal: bounded }).catch(() => {})
        return statusCode >= 200 && statusCode < 300 ? undefined : `The address answered ${statusCode}.`
      } catch (error) {
        signal?.throwIfAborted()
        const { name, code } = error as { name?: string; code?: string }
        return name === 'TimeoutError' ? 'No answer came in time.' : `The request failed (${code ?? name}).`
      }
    },
    close: () => agent.destroy(),
  }
}
