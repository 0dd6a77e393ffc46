import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { createGuardNotifier } from '../../src/callbacks/guard-notifier.ts'

async function listen(handler: RequestListener) {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/guard` }
}

function open(url: string | undefined, timeoutMs = 5_000) {
  const notifier = createGuardNotifier(url, { timeoutMs })
  after(() => notifier.close())
  return notifier
}

test('what the guard did arrives as JSON, on this machine too', async () => {
  const got: unknown[] = []
  const { url } = await listen(async (request, response) => {
    got.push(request.method, request.url, request.headers['content-type'])
    got.push(await request.reduce((text: string, chunk: Buffer) => text + chunk, ''))
    response.writeHead(204).end()
  })
  const notifier = open(url)
  assert.equal(notifier.isConfigured, true)
  assert.equal(await notifier.notify('{"version":2}'), undefined)
  assert.deepEqual(got, ['POST', '/guard', 'application/json', '{"version":2}'])
})

test('anything but 2xx was not taken, and a redirect is not followed', async () => {
  const hits: (string | undefined)[] = []
  const { url } = await listen((request, response) => {
    hits.push(request.url)
    response.writeHead(hits.length === 1 ? 500 : 302, { location: '/elsewhere' }).end('x'.repeat(1000))
  })
  const notifier = open(url)
  assert.equal(await notifier.notify('{}'), 'The address answered 500.')
  assert.equal(await notifier.notify('{}'), 'The address answered 302.')
  assert.deepEqual(hits, ['/guard', '/guard'])
})

test('one that hangs is waited for in bounds, one that is gone not at all', async () => {
  const { server, url } = await listen(() => {})
  assert.equal(await open(url, 100).notify('{}'), 'No answer came in time.')
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
  assert.equal(await open(url).notify('{}'), 'The request failed (ECONNREFUSED).')
})

test('a stop breaks off the wait, with its reason', async () => {
  const { url } = await listen(() => stop.abort(new Error('stopping')))
  const stop = new AbortController()
  await assert.rejects(open(url).notify('{}', stop.signal), /stopping/)
})

test('an endless answer of one that took it is not read', async () => {
  const { url } = await listen((_, response) => {
    response.writeHead(200)
    const more = () => {
      while (response.write('x'.repeat(65_536)));
    }
    response.on('drain', more)
    more()
  })
  assert.equal(await open(url).notify('{}'), undefined)
})

test('without an address there is nobody to tell', async () => {
  const notifier = open(undefined)
  assert.equal(notifier.isConfigured, false)
  assert.equal(typeof (await notifier.notify('{}')), 'string')
})
