import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, get, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createStreamRegistry } from '../../../src/http/sse.ts'

/** A response whose client is there, and a way to make it go. */
async function openResponse(): Promise<{ raw: ServerResponse; leave: () => Promise<void>; close: () => void }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const request = get({ port, host: '127.0.0.1' }).on('error', () => {})
  const [, raw] = (await once(server, 'request')) as [unknown, ServerResponse]
  const leave = async (): Promise<void> => {
    request.destroy()
    await once(raw, 'close')
  }
  return { raw, leave, close: () => server.close() }
}

test('a stream is known while its client is there, and forgotten when it goes', async () => {
  const registry = createStreamRegistry(() => {})
  const { raw, leave, close } = await openResponse()
  registry.open(raw, 'job-1', async () => true)
  assert.deepEqual(registry.jobIds(), ['job-1'])
  await leave()
  assert.deepEqual(registry.jobIds(), [])
  registry.close()
  close()
})

test('a client that had gone before its stream began leaves nothing behind', async () => {
  const registry = createStreamRegistry(() => {})
  const { raw, leave, close } = await openResponse()
  await leave()
  const stream = registry.open(raw, 'job-1', async () => true)
  assert.deepEqual(registry.jobIds(), [])
  let told = false
  stream.onClose(() => {
    told = true
  })
  assert.ok(told)
  registry.close()
  close()
})

test('a stream ends at the first heartbeat after its reader was shut out, and no other does', async () => {
  const registry = createStreamRegistry(() => {}, 10)
  const [shutOut, stays] = [await openResponse(), await openResponse()]
  let allowed = true
  registry.open(shutOut.raw, 'job-1', async () => allowed)
  const calm = Promise.withResolvers<void>()
  let asked = 0
  registry.open(stays.raw, 'job-2', async () => {
    asked += 1
    if (asked === 3) calm.resolve()
    return true
  })
  await calm.promise
  assert.equal(shutOut.raw.writableEnded, false)
  allowed = false
  await once(shutOut.raw, 'finish')
  assert.equal(stays.raw.writableEnded, false)
  registry.close()
  await stays.leave()
  for (const { close } of [shutOut, stays]) close()
})
