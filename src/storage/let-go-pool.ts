/**
 * A pool of connections to PostgreSQL that lets go when its process has to: a statement that hangs, behind a lock or
 * a server that has vanished, must not keep what else is held from being given back.
 *
 *   `CUT_MS` after `release` aborts → the statements under way fail, and their callers go on
 *   `CLOSE_MS` after it             → nothing is lent any more, and every connection is cut
 */
import { Socket } from 'node:net'
import { Pool, type PoolClient, type PoolConfig } from 'pg'

export interface LetGoPool {
  readonly pool: Pool
  connect(): Promise<PoolClient>
  /** Resolves when everything lent is back; may be called again. */
  end(): Promise<void>
}

const CUT_MS = 1_000
const CLOSE_MS = 3_500

export function createLetGoPool(config: PoolConfig, release: AbortSignal | undefined): LetGoPool {
  const sockets = new Set<Socket>()
  const lent = new Set<PoolClient>()
  const waiting = new Set<(error: Error) => void>()
  const pool = new Pool({ ...config, stream: () => keptIn(sockets) })
  pool.on('acquire', (client) => lent.add(client)).on('release', (_, client) => lent.delete(client))
  let ended: Promise<void> | undefined
  const end = (): Promise<void> => {
    ended ??= pool.end()
    return ended
  }

  function cut(): void {
    for (const client of lent) void client.end()
  }

  /** The pool forgets who waits in it when it ends. */
  function close(): void {
    void end()
    for (const refuse of waiting) refuse(new Error('Connection terminated: the process has to end'))
    for (const socket of sockets) socket.destroy()
  }

  function letGo(): void {
    setTimeout(cut, CUT_MS).unref()
    setTimeout(close, CLOSE_MS).unref()
  }
  if (release?.aborted) letGo()
  else release?.addEventListener('abort', letGo, { once: true })

  return {
    pool,
    end,
    connect() {
      const { promise, resolve, reject } = Promise.withResolvers<PoolClient>()
      waiting.add(reject)
      pool
        .connect()
        .then(resolve, reject)
        .finally(() => waiting.delete(reject))
      return promise
    },
  }
}

function keptIn(sockets: Set<Socket>): Socket {
  const socket = new Socket()
  sockets.add(socket)
  return socket.once('close', () => sockets.delete(socket))
}
