/** HTTP/1.1 by hand over one socket: cheap enough not to be what is measured, and able to send what no client would. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface Answer {
  readonly status: number
  readonly body: string
}

export interface Wire {
  readonly socket: Socket
  /**
   * Writes as fast as the other side reads, and stops writing when it has been answered. Undefined when the connection
   * ended without an answer. One call at a time.
   */
  send(chunks: Iterable<Uint8Array>): Promise<Answer | undefined>
  close(): void
}

export function openWire(url: string): Wire {
  const { hostname, port } = new URL(url)
  const socket = connect({ port: Number(port), host: hostname, noDelay: true })
  let waiting = Promise.withResolvers<Answer | undefined>()
  let text = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk) => {
    const parsed = parseAnswer(text + chunk)
    text = parsed.rest
    if (parsed.answer !== undefined) waiting.resolve(parsed.answer)
  })
  // The end of a connection is an answer here, however it came.
  socket.on('error', () => {})
  socket.on('close', () => waiting.resolve(undefined))
  return {
    socket,
    send: async (chunks) => {
      waiting = Promise.withResolvers()
      if (socket.closed) return undefined
      let answered = false
      const answer = waiting.promise.finally(() => {
        answered = true
      })
      for (const chunk of chunks) {
        if (answered || socket.destroyed) break
        if (!socket.write(chunk)) await Promise.race([once(socket, 'drain').catch(() => {}), answer])
      }
      return answer
    },
    close: () => void socket.destroy(),
  }
}

/** The first whole answer, by its Content-Length; interim ones are passed over. */
function parseAnswer(text: string): { answer?: Answer; rest: string } {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return { rest: text }
  const status = Number(text.slice(9, 12))
  const bodyStart = headEnd + 4
  if (status < 200) return parseAnswer(text.slice(bodyStart))
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text.slice(0, headEnd))?.[1] ?? 0)
  if (text.length < bodyStart + length) return { rest: text }
  const body = text.slice(bodyStart, bodyStart + length)
  return { answer: { status, body }, rest: text.slice(bodyStart + length) }
}
