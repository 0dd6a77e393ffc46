/** Whoever has no secret may send what he likes to the webhook: uploads and real answers go on. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { signBody } from '../../src/domain/callback.ts'
import { changeTo, newJob } from '../contracts/job-store-suite.ts'
import { answerTo, completed, SECRET, startDirectSystem } from '../support/direct-system.ts'
import { openRawHttp } from '../support/raw-http.ts'
import { toneWav } from '../support/recordings.ts'
import { openTestPlaces, TEST_KEY } from '../support/system.ts'

const { places, env } = await openTestPlaces()
const system = await startDirectSystem(places, {
  roles: ['api'],
  env: { ...env, TRUST_PROXY: '127.0.0.1', UPLOAD_STALL_S: '30' },
  analysisServerUrl: 'http://127.0.0.1:1/',
})
const path = (jobId: string) => `/webhooks/analysis?job_id=${jobId}`

async function forwarded(): Promise<string> {
  const { jobId } = await system.ports.jobs.create(newJob())
  for (const to of ['stored', 'forwarded'] as const) await system.ports.jobs.advance([changeTo(jobId, to)])
  return jobId
}

/** Sends the head and a first byte of what claims to be an answer, well-formed and signed with nonsense. */
function sendSlowly(jobId: string, headers: readonly string[]) {
  const signature = `x-signature: t=${Math.floor(Date.now() / 1000)},v1=${'0'.repeat(64)}`
  const head = [`POST ${path(jobId)} HTTP/1.1`, 'host: x', signature, ...headers].join('\r\n')
  const { socket, done } = openRawHttp(system.url, `${head}\r\n\r\n1\r\n{\r\n`)
  socket.on('error', () => {})
  after(() => void socket.destroy())
  return done
}

/** Resolves once the process has let so many of them in. */
async function untilReading(bytes: number): Promise<void> {
  const budget = system.ports.answerMemory as unknown as { readonly usedBytes: number }
  const beganMs = performance.now()
  while (budget.usedBytes < bytes) {
    assert.ok(performance.now() - beganMs < 20_000, `${budget.usedBytes} of ${bytes} bytes`)
    await new Promise(setImmediate)
  }
}

test('many slow senders of nonsense hold up neither an upload nor an answer that is signed well', async () => {
  const jobId = await forwarded()
  for (let count = 0; count < 150; count += 1) {
    // From three addresses; each alone would fill half of the memory for answers.
    const from = `x-forwarded-for: 192.0.2.${count % 3}`
    sendSlowly(jobId, [from, count < 6 ? 'content-length: 16777216' : 'transfer-encoding: chunked'])
  }
  await untilReading(32 * 1024 * 1024)
  const beganMs = performance.now()
  const [upload, answer] = await Promise.all([
    fetch(`${system.url}/v1/jobs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'audio/wav' },
      body: toneWav({ seconds: 0.2 }),
    }).then(({ status }) => ({ status, tookMs: performance.now() - beganMs })),
    answerTo(system.url + path(jobId), completed({ job_id: jobId })),
  ])
  assert.equal(upload.status, 202)
  assert.ok(upload.tookMs < 5000, `the upload took ${upload.tookMs} ms`)
  assert.deepEqual([answer.status, answer.body], [200, { status: 'completed' }])
})

/** An answer in chunks, as clients send it that write before they know how long it will be. */
async function answerInChunks(jobId: string, filler: number) {
  const text = JSON.stringify({ ...completed({ job_id: jobId }), filler: 'x'.repeat(filler) })
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text))
      controller.close()
    },
  })
  const headers = { 'x-signature': signBody([SECRET], Math.floor(Date.now() / 1000), text) }
  const init = { method: 'POST', headers, body, duplex: 'half' } as RequestInit
  const response = await fetch(system.url + path(jobId), init)
  return { status: response.status, body: await response.text() }
}

test('an answer in chunks is taken; one that is too long for that is told to say how long it is', async () => {
  const { status, body } = await answerInChunks(await forwarded(), 300 * 1024)
  assert.deepEqual([status, /content-length/.test(body)], [413, true])
  assert.equal((await answerInChunks(await forwarded(), 0)).status, 200)
})
