/** What the server takes of connections: how many, and for how long without a request. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { openTestPlaces, startTestSystem } from '../support/system.ts'

const KEEP_ALIVE_S = 1
const { places, env } = await openTestPlaces()
const system = await startTestSystem(['api'], places, {
  ...env,
  MAX_CONNECTIONS: '2',
  KEEP_ALIVE_S: String(KEEP_ALIVE_S),
})
const { hostname, port } = new URL(system.url)

interface Client {
  readonly socket: Socket
  /** The status of one more answer on the same connection; undefined when it was closed instead. */
  ask(): Promise<string | undefined>
}

function open(): Client {
  const socket = connect(Number(port), hostname)
  socket.setEncoding('utf8')
  // A connection that is refused may be reset as well as ended.
  socket.on('error', () => {})
  const ask = async (): Promise<string | undefined> => {
    const over = new AbortController()
    const { signal } = over
    socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
    const answer = once(socket, 'data', { signal }).then(([text]) => String(text).split(' ')[1])
    const closed = once(socket, 'close', { signal }).then(() => undefined)
    for (const one of [answer, closed]) one.catch(() => {})
    const status = await Promise.race([answer, closed])
    over.abort()
    return status
  }
  return { socket, ask }
}

async function close({ socket }: Client): Promise<void> {
  if (socket.closed) return
  socket.destroy()
  await once(socket, 'close')
}

test('a connection beyond MAX_CONNECTIONS is closed unanswered, the others are served, and an ended one makes room', async () => {
  const [first, second] = [open(), open()]
  assert.deepEqual([await first.ask(), await second.ask()], ['200', '200'])
  const beyond = open()
  assert.equal(await beyond.ask(), undefined)
  assert.deepEqual([await first.ask(), await second.ask()], ['200', '200'])
  await close(first)
  let next: string | undefined
  // Until the server has seen the end, too.
  while (next === undefined) {
    const client = open()
    next = await client.ask()
    await close(client)
  }
  assert.equal(next, '200')
  await Promise.all([second, beyond].map(close))
})

test('an idle connection is kept for KEEP_ALIVE_S and closed soon after', async () => {
  let client = open()
  while ((await client.ask()) === undefined) client = open()
  const idleFrom = performance.now()
  await once(client.socket.resume(), 'close')
  const idleS = (performance.now() - idleFrom) / 1000
  assert.ok(idleS >= KEEP_ALIVE_S * 0.9 && idleS < KEEP_ALIVE_S + 5, `${idleS} s`)
})
