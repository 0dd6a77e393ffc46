import type { CallbackAnswer, CallbackSender } from '../../src/ports/deliveries.ts'

export interface FakeCallbackSender extends CallbackSender {
  readonly sent: { readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly body: string }[]
  /** What the next sends are answered; 204 when there is nothing left. */
  readonly answers: CallbackAnswer[]
}

/** Keeps what it is given to send. */
export function createFakeCallbackSender(): FakeCallbackSender {
  const sent: FakeCallbackSender['sent'] = []
  const answers: CallbackAnswer[] = []
  return {
    sent,
    answers,
    send: async (url, { headers, body }, signal) => {
      signal.throwIfAborted()
      sent.push({ url, headers, body })
      return answers.shift() ?? { kind: 'answered', status: 204, retryAfterS: null }
    },
  }
}
