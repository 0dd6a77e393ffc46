/** What the API waits for, and for how long: slow and stalled clients, those that ask first, and uploads that are cancelled. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { toneWav } from '../support/recordings.ts'
import { getJson, openTestPlaces, startTestSystem, TEST_KEY, uploadRaw } from '../support/system.ts'

const LIMIT = 1_000_000
const { places, env } = await openTestPlaces()
const system = await startTestSystem(['api'], places, {
  ...env,
  UPLOAD_STALL_S: '1',
  UPLOAD_MIN_BYTES_PER_S: '1000',
  MAX_UPLOAD_BYTES: String(LIMIT),
  MAX_DURATION_S: '60',
})
const WAV = toneWav()

interface Conversation {
  readonly socket: Socket
  readonly closed: Promise<unknown>
  /** What the server has said so far. */
  heard(): string
  /** Resolves when what was heard fits. */
  until(pattern: RegExp): Promise<string>
}

function open(head: readonly string[], key = TEST_KEY): Conversation {
  const { hostname, port } = new URL(system.url)
  const socket = connect(Number(port), hostname)
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  const lines = ['POST /v1/jobs HTTP/1.1', 'host: x', `authorization: Bearer ${key}`, ...head, '', '']
  socket.write(lines.join('\r\n'))
  return {
    socket,
    closed: once(socket, 'close'),
    heard: () => text,
    async until(pattern) {
      while (!pattern.test(text)) await once(socket, 'data')
      return text
    },
  }
}

const rawHead = (bytes: number): string[] => ['content-type: audio/wav', `content-length: ${bytes}`]

async function unfinishedUploads(): Promise<number | undefined> {
  return (await system.ports.jobs.countByStatus()).find(({ status }) => status === 'uploading')?.count
}

for (const [where, begin] of [
  ['before its first byte', Buffer.alloc(0)],
  ['in the middle', WAV.subarray(0, 5000)],
] as const) {
  test(`a client that falls silent ${where} is answered 408, and nothing is left`, async () => {
    const { socket, until } = open(rawHead(WAV.length))
    socket.write(begin)
    assert.match(await until(/"request_id"/), /^HTTP\/1\.1 408 [\s\S]*upload-too-slow/)
    assert.equal(await unfinishedUploads(), 0)
    socket.destroy()
  })
}

test('a client that asks first is told to go on only when it may', async () => {
  const { socket, until } = open([...rawHead(WAV.length), 'expect: 100-continue'])
  await until(/^HTTP\/1\.1 100 Continue\r\n\r\n/)
  socket.write(WAV)
  assert.match(await until(/"job_id"/), /\r\n\r\nHTTP\/1\.1 202 /)
  socket.destroy()
})

test('a client that asks first and may not is refused without being asked for its body, and the connection ends', async () => {
  const asking = 'expect: 100-continue'
  const refused: [Conversation, RegExp][] = [
    [open([...rawHead(WAV.length), asking], 'no-such-key'), /^HTTP\/1\.1 401 /],
    [open([...rawHead(LIMIT + 1), asking]), /^HTTP\/1\.1 413 [\s\S]*upload-too-large/],
    [open(['content-type: text/plain', 'content-length: 10', asking]), /^HTTP\/1\.1 415 /],
  ]
  for (const [{ closed, heard }, answer] of refused) {
    await closed
    assert.match(heard(), answer)
    assert.doesNotMatch(heard(), /100 Continue/)
    assert.match(heard(), /connection: close/i)
  }
})

test('what its own head says is too long is refused before it is stored', async () => {
  const long = Buffer.from(toneWav())
  long.writeUInt32LE(61 * 32_000 + 36, 4)
  long.writeUInt32LE(61 * 32_000, 40)
  const response = await uploadRaw(system.url, new Uint8Array(long))
  const problem = (await response.json()) as Record<string, unknown>
  assert.deepEqual([response.status, problem.code], [422, 'recording-too-long'])
  assert.match(String(problem.detail), /60 s/)
  assert.deepEqual(await system.ports.objects.list('audio/acme/', { limit: 10 }).then(keysOf), await storedKeys())
})

test('the duration that the head says is in the job at once', async () => {
  const job = (await (await uploadRaw(system.url, WAV)).json()) as Record<string, unknown>
  assert.equal(job.duration_s, 0.6)
})

for (const [how, sends] of [
  ['while it still sends', true],
  ['also when it has fallen silent', false],
] as const) {
  test(`an upload that is cancelled in its middle is told so, ${how}`, async () => {
    const { socket, until } = open(rawHead(LIMIT))
    const ended = once(socket, 'close')
    socket.on('error', () => {})
    socket.write(WAV.subarray(0, 5000))
    const jobId = await untilUploading()
    const url = `${system.url}/v1/jobs/${jobId}/cancel`
    const cancelled = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${TEST_KEY}` } })
    assert.equal(cancelled.status, 200)
    const sending = sends ? setInterval(() => socket.write(Buffer.alloc(500)), 50) : undefined
    const answer = await until(/"request_id"/)
    clearInterval(sending)
    assert.match(answer, /^HTTP\/1\.1 409 [\s\S]*job-cancelled/)
    assert.equal((await getJson(`${system.url}/v1/jobs/${jobId}`)).body.status, 'cancelled')
    socket.destroy()
    await ended
  })
}

async function untilUploading(): Promise<string> {
  for (;;) {
    const { body } = await getJson(`${system.url}/v1/jobs?status=uploading`)
    const [job] = body.items as { job_id: string }[]
    if (job !== undefined) return job.job_id
  }
}

const keysOf = (objects: readonly { readonly key: string }[]): string[] => objects.map(({ key }) => key)

/** The keys of all stored jobs' objects, in their order. */
async function storedKeys(): Promise<string[]> {
  const { body } = await getJson(`${system.url}/v1/jobs?limit=100`)
  const items = body.items as { job_id: string; sha256: string | null }[]
  const rows = await system.ports.jobs.findMany(
    items.filter(({ sha256 }) => sha256 !== null).map(({ job_id: id }) => id),
  )
  return rows.map(({ objectKey }) => objectKey).sort()
}
