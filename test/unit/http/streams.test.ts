import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createStreamRegistry, HEARTBEAT_MS } from '../../../src/http/stream-registry.ts'

/** A response whose client is there, and a way to make it go. */
async function openResponse({ reads = true } = {}) {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const request = get({ port, host: '127.0.0.1' }).on('error', () => {})
  // A response that somebody listens for waits until it is read.
  if (!reads) request.on('response', () => {})
  const [, raw] = (await once(server, 'request')) as [unknown, ServerResponse]
  const leave = async (): Promise<void> => {
    request.destroy()
    await once(raw, 'close')
  }
  /** All that the client gets until the stream ends. */
  const read = async (): Promise<string> => {
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    return (await response.setEncoding('utf8').toArray()).join('')
  }
  return { raw, leave, read, close: () => server.close() }
}

/** No connection holds as much whose client reads nothing. */
const MORE_THAN_FITS = 'x'.repeat(32 * 1024 ** 2)
const AUDIENCE = { owner: 'acme', all: false, isAllowed: async () => true }
const following = (openJobs: string[], onStop = () => {}) => ({
  cursor: () => 'e.7',
  openJobs: () => openJobs,
  checkHead: () => {},
  stop: onStop,
})

test('a stream is known while its client is there, and forgotten when it goes', async () => {
  const registry = createStreamRegistry()
  const { raw, leave, close } = await openResponse()
  let stops = 0
  const stream = registry.open(raw, { ...AUDIENCE, all: true })
  const reader = following(['job-1'], () => (stops += 1))
  stream.follow(reader)
  const followed = { jobIds: ['job-1'], owners: ['acme'], readers: new Map([['acme', [reader]]]) }
  assert.deepEqual([registry.size, registry.followed()], [1, followed])
  await leave()
  assert.deepEqual([registry.size, registry.followed(), stops], [0, { jobIds: [], owners: [], readers: new Map() }, 1])
  registry.close()
  close()
})

test('a client that had gone before its stream began leaves nothing behind', async () => {
  const registry = createStreamRegistry()
  const { raw, leave, close } = await openResponse()
  await leave()
  let stops = 0
  registry.open(raw, AUDIENCE).follow(following([], () => (stops += 1)))
  assert.deepEqual([registry.size, registry.room('acme'), stops], [0, 'free', 1])
  registry.close()
  close()
})

test('a stream ends at the first heartbeat after its reader was shut out, and no other does', async () => {
  const registry = createStreamRegistry({ heartbeatMs: 10 })
  const [shutOut, stays] = [await openResponse(), await openResponse()]
  let allowed = true
  registry.open(shutOut.raw, { ...AUDIENCE, isAllowed: async () => allowed })
  const calm = Promise.withResolvers<void>()
  let asked = 0
  const isAllowed = async (): Promise<boolean> => {
    asked += 1
    if (asked === 3) calm.resolve()
    return true
  }
  registry.open(stays.raw, { ...AUDIENCE, isAllowed })
  await calm.promise
  assert.equal(shutOut.raw.writableEnded, false)
  allowed = false
  await once(shutOut.raw, 'finish')
  assert.equal(stays.raw.writableEnded, false)
  registry.close()
  await stays.leave()
  for (const { close } of [shutOut, stays]) close()
})

test('heartbeats tell how far a stream has come, and one that has lived its time ends with a time to come back', async () => {
  const registry = createStreamRegistry({ heartbeatMs: 10, streamLifetimeS: 0.1 })
  const { raw, read, close } = await openResponse()
  registry.open(raw, AUDIENCE).follow(following([]))
  assert.match(await read(), /^(id: e\.7\n\n)+retry: \d+\n\n$/)
  registry.close()
  close()
})

for (const ended of [false, true]) {
  const named = ended ? 'a stream that was ended and is not taken' : 'a client that reads nothing'
  test(`${named} is cut after its time, and its place is free again`, async () => {
    let nowMs = 0
    const registry = createStreamRegistry({ heartbeatMs: 10, stallMs: 50, maxStreams: 1 }, () => nowMs)
    const { raw, close } = await openResponse({ reads: false })
    let asked = Promise.withResolvers<void>()
    const isAllowed = async (): Promise<boolean> => {
      asked.resolve()
      return true
    }
    const stream = registry.open(raw, { ...AUDIENCE, isAllowed })
    if (ended) {
      // What the stream has not seen waiting, as where the socket holds it.
      raw.write(MORE_THAN_FITS)
      stream.end()
    } else stream.send({ event: 'progress', data: MORE_THAN_FITS })
    nowMs = 50
    await asked.promise
    assert.deepEqual([raw.destroyed, registry.room('acme')], [false, 'full'])
    asked = Promise.withResolvers()
    const closed = once(raw, 'close')
    nowMs = 70
    await Promise.race([closed, asked.promise.then(() => assert.fail('not cut'))])
    assert.deepEqual([raw.writableFinished, registry.room('acme')], [false, 'free'])
    registry.close()
    close()
  })
}

test('there is room for so many streams, of one owner and in all, and again when one has gone', async () => {
  const registry = createStreamRegistry({ maxStreams: 2, maxStreamsPerOwner: 1 })
  const [one, other] = [await openResponse(), await openResponse()]
  registry.open(one.raw, AUDIENCE)
  assert.deepEqual([registry.room('acme'), registry.room('other')], ['too-many', 'free'])
  registry.open(other.raw, { ...AUDIENCE, owner: 'other' })
  assert.equal(registry.room('third'), 'full')
  await one.leave()
  assert.equal(registry.room('acme'), 'free')
  await other.leave()
  registry.close()
  for (const { close } of [one, other]) close()
})

test('a heartbeat has a second to come to its client within the 15 s that are promised', () => {
  assert.ok(HEARTBEAT_MS <= 14_000)
})

test('a request that waits counts as a stream of its owner, and of all, for as long as it does', async () => {
  const registry = createStreamRegistry({ maxStreamsPerOwner: 1, maxStreams: 2 })
  const release = registry.hold('acme')
  assert.deepEqual([registry.room('acme'), registry.room('other'), registry.size], ['too-many', 'free', 0])
  const releaseOther = registry.hold('other')
  assert.equal(registry.room('third'), 'full')
  release()
  assert.deepEqual([registry.room('acme'), registry.room('other')], ['free', 'too-many'])
  releaseOther()
  assert.equal(registry.room('other'), 'free')
  registry.close()
})
