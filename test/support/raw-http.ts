/** HTTP as it is on the wire, for requests that no client would send. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface RawAnswer {
  readonly status: number
  readonly head: string
  readonly body: string
}

/** Writes to a new connection; `done` when the server has closed it. */
export function openRawHttp(url: string, text: string): { readonly socket: Socket; readonly done: Promise<RawAnswer> } {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let answer = ''
  socket.setEncoding('utf8').on('data', (chunk) => {
    answer += chunk
  })
  socket.write(text)
  const done = once(socket, 'close').then(() => {
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    return { status: Number(head.split(' ')[1]), head, body }
  })
  return { socket, done }
}
