/** A reader of server-sent events over `fetch`, with every field as it came. */
export interface ReceivedEvent {
  readonly event: string | undefined
  readonly id: string | undefined
  readonly data: Record<string, unknown>
}

export interface EventReader {
  readonly status: number
  readonly headers: Headers
  /** All so far, heartbeats left out. */
  readonly events: readonly ReceivedEvent[]
  /** The text as it came. */
  text(): string
  /** Resolves when the server ends the stream. */
  readonly ended: Promise<void>
  /** Resolves to the first event, also of the past, that matches. */
  waitFor(match: (event: ReceivedEvent) => boolean): Promise<ReceivedEvent>
  close(): void
}

export async function openEvents(url: string, key: string, headers: Record<string, string> = {}): Promise<EventReader> {
  const closing = new AbortController()
  const response = await fetch(url, {
    headers: { authorization: `Bearer ${key}`, ...headers },
    signal: closing.signal,
  })
  const events: ReceivedEvent[] = []
  const watchers = new Set<() => void>()
  let text = ''
  const read = async (): Promise<void> => {
    let pending = ''
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) {
      const part = decoder.decode(chunk, { stream: true })
      text += part
      const blocks = (pending + part).split('\n\n')
      pending = blocks.pop() ?? ''
      for (const block of blocks) {
        const event = parseBlock(block)
        if (event !== undefined) events.push(event)
      }
      for (const watch of [...watchers]) watch()
    }
  }
  const ended = read().catch((error: unknown) => {
    if (!closing.signal.aborted) throw error
  })
  ended.catch(() => {})
  const waitFor = (match: (event: ReceivedEvent) => boolean): Promise<ReceivedEvent> => {
    const { promise, resolve, reject } = Promise.withResolvers<ReceivedEvent>()
    const look = (): void => {
      const found = events.find(match)
      if (found !== undefined) resolve(found)
    }
    watchers.add(look)
    look()
    ended.then(
      () => reject(new Error(`The stream ended before the event came. It held:\n${text}`)),
      (error: Error) => reject(error),
    )
    return promise.finally(() => watchers.delete(look))
  }
  return {
    status: response.status,
    headers: response.headers,
    events,
    text: () => text,
    ended,
    waitFor,
    close: () => closing.abort(),
  }
}

function parseBlock(block: string): ReceivedEvent | undefined {
  const fields = new Map(block.split('\n').map((line) => line.split(/: (.*)/s, 2) as [string, string]))
  const data = fields.get('data')
  return data === undefined ? undefined : { event: fields.get('event'), id: fields.get('id'), data: JSON.parse(data) }
}
