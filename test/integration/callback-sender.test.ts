import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { createCallbackSender, type SenderOptions } from '../../src/callbacks/callback-sender.ts'
import { createCheckedLookup } from '../../src/callbacks/checked-lookup.ts'

const never = new AbortController().signal

/** An endpoint on this machine; `port` to reach it by another name. */
async function listen(handler: RequestListener) {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { server, port, url: `http://127.0.0.1:${port}/hook` }
}

function openSender(options: SenderOptions = {}) {
  const sender = createCallbackSender({ allowLoopback: true, ...options })
  after(() => sender.close())
  return (url: string, signal = never) => sender.send(url, { headers: { 'x-one': '1' }, body: '{"a":1}' }, signal)
}

test('a body and its headers arrive as given, and the answer’s status and Retry-After come back', async () => {
  const got: unknown[] = []
  const { url } = await listen(async (request, response) => {
    const body = await request.reduce((text: string, chunk: Buffer) => text + chunk, '')
    got.push(request.method, request.url, request.headers['x-one'], body)
    response.writeHead(503, { 'retry-after': '120' }).end('busy')
  })
  assert.deepEqual(await openSender()(url), { kind: 'answered', status: 503, retryAfterS: 120 })
  assert.deepEqual(got, ['POST', '/hook', '1', '{"a":1}'])
})

test('Retry-After may be a date', async () => {
  const { url } = await listen((_, response) => {
    response.writeHead(429, { 'retry-after': new Date(Date.now() + 90_000).toUTCString() }).end()
  })
  const answer = await openSender()(url)
  assert.ok(answer.kind === 'answered' && Math.abs(answer.retryAfterS! - 90) <= 2)
})

test('a redirect is not followed', async () => {
  const hits: string[] = []
  const { url } = await listen((request, response) => {
    hits.push(request.url ?? '')
    response.writeHead(302, { location: '/inside' }).end()
  })
  assert.deepEqual(await openSender()(url), { kind: 'answered', status: 302, retryAfterS: null })
  assert.deepEqual(hits, ['/hook'])
})

test('without the switch nothing of this machine is called, however it is spelled', async () => {
  let connections = 0
  const { server, port } = await listen((_, response) => void response.end())
  server.on('connection', () => {
    connections += 1
  })
  const send = openSender({ allowLoopback: false })
  for (const host of ['127.0.0.1', 'localhost', '0x7f.1', '2130706433', '127.1', '[::ffff:127.0.0.1]']) {
    assert.equal((await send(`https://${host}:${port}/`)).kind, 'refused', host)
  }
  assert.equal(connections, 0)
})

test('a public name that leads inside is refused at connect, also when only one of its addresses does', async () => {
  let connections = 0
  const { server, port } = await listen((_, response) => void response.end())
  server.on('connection', () => {
    connections += 1
  })
  for (const addresses of [['127.0.0.1'], ['8.8.8.8', '127.0.0.1'], ['::ffff:127.0.0.1'], ['169.254.169.254'], []]) {
    const resolve = async () => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    const answer = await openSender({ resolve })(`https://rebind.example:${port}/`)
    assert.equal(answer.kind, 'refused', addresses.join())
    assert.match(answer.kind === 'refused' ? answer.sentence : '', /^The host of callback_url has .+\.$/)
  }
  assert.equal(connections, 0)
})

test('a name is resolved once per connection: what was checked is what is connected to', async () => {
  const { url, port } = await listen((_, response) => void response.end())
  const asked: string[] = []
  const resolve = async (hostname: string) => {
    asked.push(hostname)
    // The first answer is the endpoint; whoever asked a second time would be led elsewhere.
    return [{ address: asked.length === 1 ? '127.0.0.1' : '10.0.0.1', family: 4 }]
  }
  const send = openSender({ resolve })
  assert.equal((await send(`http://localhost:${port}/`)).kind, 'answered')
  assert.deepEqual(asked, ['localhost'])
  assert.equal((await send(`http://localhost:${port}/`)).kind, 'refused')
  assert.equal((await send(url)).kind, 'answered')
})

test('public addresses pass the lookup unchanged, in both forms in which Node asks', async () => {
  const found = [
    { address: '2606:4700::1111', family: 6 },
    { address: '1.1.1.1', family: 4 },
  ]
  const lookup = createCheckedLookup(async () => found, {})
  const ask = (options: object) => new Promise((resolve) => lookup('a.example', options, (...args) => resolve(args)))
  assert.deepEqual(await ask({ all: true }), [null, found])
  assert.deepEqual(await ask({ family: 4 }), [null, '1.1.1.1', 4])
  assert.deepEqual(await ask({}), [null, '2606:4700::1111', 6])
})

test('an endpoint that hangs, drips its head or never takes the connection is left in bounded time', async () => {
  const hanging = await listen(() => {})
  const dripping = await listen((request) => {
    request.socket.write('HTTP/1.1 200 OK\r\n')
    const timer = setInterval(() => request.socket.write('x-a: b\r\n'), 20)
    request.socket.once('close', () => clearInterval(timer))
  })
  const send = openSender({ timeoutMs: 300, connectTimeoutMs: 200 })
  for (const { url } of [hanging, dripping]) {
    const from = performance.now()
    assert.equal((await send(url)).kind, 'failed')
    assert.ok(performance.now() - from < 3000)
  }
  const stuck = openSender({ timeoutMs: 300, connectTimeoutMs: 200, resolve: () => new Promise(() => {}) })
  assert.equal((await stuck('https://stuck.example/')).kind, 'failed')
})

test('an answer that drips or never ends counts by its status, and is not read on', async () => {
  const closed = Promise.withResolvers<void>()
  const endless = await listen((_, response) => {
    response.writeHead(200)
    const block = Buffer.alloc(64 * 1024)
    const more = (): void => {
      while (response.write(block));
    }
    response.on('drain', more).on('close', closed.resolve)
    more()
  })
  const dripping = await listen((_, response) => {
    response.writeHead(202)
    const timer = setInterval(() => response.write('.'), 20)
    response.once('close', () => clearInterval(timer))
  })
  const send = openSender({ timeoutMs: 500 })
  assert.deepEqual(await send(endless.url), { kind: 'answered', status: 200, retryAfterS: null })
  await closed.promise
  assert.deepEqual(await send(dripping.url), { kind: 'answered', status: 202, retryAfterS: null })
})

test('no answer is told in a sentence that gives nothing away', async () => {
  const { server, url } = await listen((request) => void request.socket.destroy())
  const send = openSender()
  assert.deepEqual(await send(url), { kind: 'failed', sentence: 'The connection was closed before an answer came.' })
  server.close()
  await once(server, 'close')
  assert.deepEqual(await send(url), { kind: 'failed', sentence: 'The connection was refused.' })
})

test('a stop breaks a send off with its own reason', async () => {
  const asked = Promise.withResolvers<void>()
  const { url } = await listen(() => asked.resolve())
  const stop = new AbortController()
  const sending = openSender()(url, stop.signal)
  await asked.promise
  const reason = new Error('stopping')
  stop.abort(reason)
  await assert.rejects(sending, reason)
})
