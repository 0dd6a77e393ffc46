/** Reference texts are held whole: their memory is of the one budget of `UPLOAD_MEMORY_BYTES`. */
import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { toneWav } from '../support/recordings.ts'
import { getJson, openTestPlaces, startTestSystem, TEST_KEY } from '../support/system.ts'
import { multipart } from '../support/uploads.ts'

const BUDGET_BYTES = 16 * 1024 ** 2
const PITCH = 'time,f0\n0.0,180\n0.1,190\n0.2,200\n'
const never = new AbortController().signal

const { places, env } = await openTestPlaces()
const system = await startTestSystem(['api'], places, { ...env, UPLOAD_MEMORY_BYTES: String(BUDGET_BYTES) })
const { memory } = system.ports

async function untilWaiting(count: number): Promise<void> {
  while (memory.waiting !== count) await new Promise(setImmediate)
}

async function put(tokenId: string, parts: Readonly<Record<string, string | Uint8Array>>): Promise<number> {
  const form = new FormData()
  for (const [name, value] of Object.entries(parts))
    form.append(name, new Blob([value as Uint8Array<ArrayBuffer>]), `${name}.bin`)
  const headers = { authorization: `Bearer ${TEST_KEY}` }
  const response = await fetch(`${system.url}/v1/tokens/${tokenId}`, { method: 'PUT', headers, body: form })
  await response.arrayBuffer()
  return response.status
}

/** A request that says it is this long, with its beginning, from a client that waits for nothing. */
function begin(tokenId: string, contentLength: number, start: Buffer): Socket {
  const { hostname, port } = new URL(system.url)
  const socket = connect(Number(port), hostname)
  const lines = [`PUT /v1/tokens/${tokenId} HTTP/1.1`, 'host: x', `authorization: Bearer ${TEST_KEY}`]
  const type = 'content-type: multipart/form-data; boundary=XBOUNDARYX'
  socket.write([...lines, type, `content-length: ${contentLength}`, '', ''].join('\r\n'))
  socket.write(start)
  return socket
}

test('with the budget held by others a token waits for its memory, and is stored when there is some', async () => {
  const held = await memory.take(BUDGET_BYTES, never)
  const putting = put('waits', { pitch: PITCH })
  await untilWaiting(1)
  assert.equal((await getJson(`${system.url}/v1/tokens/waits`)).status, 404)
  held.release()
  assert.equal(await putting, 200)
  await untilFree()
})

test('a client that goes away while it waits gives its place back', async () => {
  const held = await memory.take(BUDGET_BYTES, never)
  const body = multipart([['pitch', PITCH, 'p.csv']])
  const socket = begin('left', body.length, body.subarray(0, -10))
  await untilWaiting(1)
  const behind = put('behind', { pitch: PITCH })
  await untilWaiting(2)
  socket.destroy()
  await untilWaiting(1)
  held.release()
  assert.equal(await behind, 200)
  await untilFree()
})

test('a client that goes away in the middle of its text gives its memory back', async () => {
  const held = await memory.take(BUDGET_BYTES, never)
  const socket = begin('cut', 5 * 1024 ** 2, multipart([['pitch', PITCH, 'p.csv']]).subarray(0, -20))
  await untilWaiting(1)
  held.release()
  const all = memory.take(BUDGET_BYTES, never)
  assert.equal(memory.waiting, 1, 'the text holds its part')
  socket.destroy()
  const { release } = await all
  release()
})

test('a token with a text and a recording holds one of them at a time, so that several never wait for each other', async () => {
  // What is left is as much as a recording takes: who still held its text would wait for ever.
  const held = await memory.take(BUDGET_BYTES - 5 * 1024 ** 2, never)
  const statuses = await Promise.all(['a', 'b', 'c'].map((id) => put(id, { pitch: PITCH, audio: toneWav() })))
  assert.deepEqual(statuses, [200, 200, 200])
  held.release()
  await untilFree()
})

/** Resolves when nobody holds anything. */
async function untilFree(): Promise<void> {
  const all = await memory.take(BUDGET_BYTES, never)
  all.release()
}
