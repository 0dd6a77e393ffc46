/** Reads a stream of server-sent events (WHATWG HTML §9.2.6), with no more of the platform than browsers have. */

/** One block of the stream; without `data` nothing is dispatched, but `id` and `retry` count. */
export interface ServerEvent {
  readonly event: string
  readonly id: string | undefined
  readonly data: string | undefined
  readonly retryMs: number | undefined
}

/** Each block that has come whole. `onBytes` is told of whatever comes. Leaving the loop cancels the stream. */
export async function* splitEvents(
  body: ReadableStream<Uint8Array>,
  onBytes: () => void = () => {},
): AsyncGenerator<ServerEvent, void, undefined> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let pending = ''
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      onBytes()
      // A CR at the end may be half of a CR LF: it waits for what comes next.
      const text = pending + decoder.decode(value, { stream: true })
      const whole = text.endsWith('\r') ? text.slice(0, -1) : text
      const blocks = whole.split(/\r\n\r\n|\n\n|\r\r/)
      pending = (blocks.pop() ?? '') + text.slice(whole.length)
      for (const block of blocks) yield parseBlock(block)
    }
  } finally {
    // A stream that failed cannot be cancelled any more, and need not be.
    await reader.cancel().catch(() => {})
  }
}

function parseBlock(block: string): ServerEvent {
  const fields = new Map<string, string[]>()
  for (const line of block.split(/\r\n|\n|\r/)) {
    const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? []
    fields.set(name, [...(fields.get(name) ?? []), value])
  }
  const retry = fields.get('retry')?.at(-1) ?? ''
  return {
    event: fields.get('event')?.at(-1) ?? 'message',
    id: fields.get('id')?.at(-1),
    data: fields.get('data')?.join('\n'),
    retryMs: /^\d+$/.test(retry) ? Number(retry) : undefined,
  }
}
