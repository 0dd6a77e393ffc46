import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { after } from 'node:test'

export interface TcpProxy {
  readonly port: number
  /** An outage: connections are cut, new ones refused. */
  stop(): Promise<void>
  /** The end of an outage, on the same port. */
  start(): Promise<void>
  /** What a lost route does: nothing passes on the connections there are, and nobody is told. New ones are served. */
  silence(): void
}

/** Stands before a server on loopback so that a test can take it away and give it back. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  const silencers = new Set<() => void>()
  let server: Server | undefined
  let port = 0
  const start = async (): Promise<void> => {
    server = createServer((client) => {
      const upstream = connect(targetPort, '127.0.0.1')
      for (const socket of [client, upstream]) {
        sockets.add(socket)
        socket.once('close', () => {
          sockets.delete(socket)
          client.destroy()
          upstream.destroy()
        })
        socket.on('error', () => socket.destroy())
      }
      client.pipe(upstream).pipe(client)
      silencers.add(() => {
        client.unpipe(upstream).resume()
        upstream.unpipe(client).resume()
      })
    }).listen(port, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  }
  const stop = async (): Promise<void> => {
    const closing = server
    server = undefined
    if (closing === undefined) return
    closing.close()
    for (const socket of sockets) socket.destroy()
    await once(closing, 'close')
  }
  const silence = (): void => {
    for (const silenceOne of silencers) silenceOne()
    silencers.clear()
  }
  await start()
  after(stop)
  return {
    get port() {
      return port
    },
    stop,
    start,
    silence,
  }
}
