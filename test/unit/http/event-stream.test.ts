import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { after, test } from 'node:test'
import { createEventStream, type EventStreamOptions } from '../../../src/http/event-stream.ts'

const PAD = 'x'.repeat(8192)
const frame = (seq: number, text: string) => ({
  event: 'progress',
  id: `e.${seq}`,
  data: JSON.stringify({ text, pad: PAD }),
})

/** A stream whose client reads nothing before it is told to; `idsOf` are the ids it then gets. */
async function openStalled(options: EventStreamOptions = {}) {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  after(() => {
    socket.destroy()
    server.closeAllConnections()
    server.close()
  })
  socket.on('error', () => {}).pause()
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  const [, raw] = (await once(server, 'request')) as [unknown, ServerResponse]
  raw.writeHead(200)
  const stream = createEventStream(raw, options)
  let seq = 0
  const send = (text: string, percentageOf?: string): number => {
    seq += 1
    stream.send(frame(seq, text), percentageOf)
    return seq
  }
  /** Until the client's side of the connection is full. */
  const fill = (): void => {
    while (stream.stalledSinceMs() === undefined) send('status')
  }
  const readAll = async (): Promise<{ ids: number[]; texts: string[]; body: string }> => {
    let body = ''
    socket.setEncoding('utf8').on('data', (chunk) => (body += chunk))
    socket.resume()
    await once(raw, 'finish')
    while (!body.endsWith('\r\n0\r\n\r\n')) await once(socket, 'data')
    const ids = [...body.matchAll(/^id: e\.(\d+)$/gm)].map(([, id]) => Number(id))
    const texts = [...body.matchAll(/^data: \{"text":"([^"]*)"/gm)].map(([, text]) => text ?? '')
    return { ids, texts, body }
  }
  return { raw, stream, send, fill, readAll }
}

test('a client that reads slowly misses percentages and no status, and its ids only rise', async () => {
  const { stream, send, fill, readAll } = await openStalled()
  fill()
  for (let percentage = 66; percentage < 95; percentage += 1) {
    send(`a ${percentage}`, 'a')
    send(`b ${percentage}`, 'b')
  }
  send('a completed')
  stream.end('retry: 1\n\n')
  const { ids, texts, body } = await readAll()
  assert.deepEqual(
    ids,
    [...ids].sort((one, other) => one - other),
  )
  assert.deepEqual(
    texts.filter((text) => text !== 'status'),
    ['a 94', 'b 94', 'a completed'],
  )
  assert.match(body, /retry: 1\n\n/)
})

test('a heartbeat says nothing of a place that the client has not come to', async () => {
  const { stream, send, fill, readAll } = await openStalled()
  fill()
  const last = send('waiting')
  stream.beat(`e.${last}`)
  stream.end()
  const { ids } = await readAll()
  assert.deepEqual(ids.slice(-2), [last - 1, last])
})

test('a client that lets too much wait is cut', async () => {
  const { raw, send, fill } = await openStalled({ mostPendingBytes: 20_000 })
  fill()
  send('one')
  send('two')
  assert.equal(raw.destroyed, false)
  send('three')
  assert.equal(raw.destroyed, true)
})

test('a client that has stalled is known by since when, until it reads again', async () => {
  let nowMs = 5
  const { raw, stream, fill, readAll } = await openStalled({ now: () => nowMs })
  assert.equal(stream.stalledSinceMs(), undefined)
  fill()
  nowMs = 50
  assert.equal(stream.stalledSinceMs(), 5)
  const drained = once(raw, 'drain')
  const reading = readAll()
  await drained
  assert.equal(stream.stalledSinceMs(), undefined)
  stream.end()
  await reading
})

test('a stream that was ended counts as stalled from then on, until its client has taken it', async () => {
  let nowMs = 5
  const { stream } = await openStalled({ now: () => nowMs })
  stream.end()
  nowMs = 50
  assert.equal(stream.stalledSinceMs(), 5)
})

test('an end that waited counts as stalled since it was written', async () => {
  let nowMs = 5
  const { raw, stream, send, fill, readAll } = await openStalled({ now: () => nowMs })
  fill()
  send('waiting')
  stream.end()
  nowMs = 50
  assert.equal(stream.stalledSinceMs(), 5)
  const drained = once(raw, 'drain')
  const reading = readAll()
  await drained
  assert.equal(stream.stalledSinceMs(), 50)
  await reading
})

test('who has more for a client than it takes is told when it reads again, and when it has gone', async () => {
  const { raw, stream, send, fill, readAll } = await openStalled()
  assert.equal(stream.ready(), undefined)
  fill()
  send('waiting')
  const taken = stream.ready()
  assert.ok(taken !== undefined)
  const reading = readAll()
  await taken
  assert.deepEqual([stream.ready(), stream.stalledSinceMs()], [undefined, undefined])
  stream.end()
  await reading
  const { stream: left, fill: fillIt, raw: gone } = await openStalled()
  fillIt()
  const freed = left.ready()
  left.cut()
  await freed
  assert.deepEqual([left.ready(), gone.closed, raw.writableFinished], [undefined, true, true])
})
