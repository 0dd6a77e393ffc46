import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { test } from 'node:test'
import { MAX_REFERENCE_BYTES } from '../../src/analysis/reference-text.ts'
import { mp4Of } from '../support/mp4-files.ts'
import { ROOT } from '../support/processes.ts'
import { toneWav } from '../support/recordings.ts'
import { getJson, OTHER_KEY, openTestPlaces, startTestSystem, TEST_KEY } from '../support/system.ts'

const WAV = toneWav()
const SILENT_VIDEO = mp4Of(['vide'])
const TEXTGRID = `File type = "ooTextFile"
Object class = "TextGrid"

0 0.6 <exists> 1
"IntervalTier" "words" 0 0.6 2
0 0.3 "good"
0.3 0.6 "morning"
`
const PITCH = 'time,f0\n0.0,180\n0.1,190\n0.2,200\n0.3,\n0.4,210\n'

const { places, env } = await openTestPlaces()
const system = await startTestSystem(['api'], places, { ...env, MAX_UPLOAD_BYTES: '100000' })

type Parts = Readonly<Record<string, string | Uint8Array>>

async function put(
  tokenId: string,
  parts: Parts,
  key = TEST_KEY,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const form = new FormData()
  for (const [name, value] of Object.entries(parts))
    form.append(name, new Blob([value as Uint8Array<ArrayBuffer>]), `${name}.bin`)
  const headers = { authorization: `Bearer ${key}` }
  const response = await fetch(`${system.url}/v1/tokens/${tokenId}`, { method: 'PUT', headers, body: form })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

test('a token takes any of its parts, and tells which it has', async () => {
  const first = await put('greeting-1', { audio: WAV })
  assert.equal(first.status, 200)
  assert.deepEqual([first.body.audio, first.body.textgrid, first.body.pitch], [true, false, false])
  const more = await put('greeting-1', { textgrid: TEXTGRID, pitch: PITCH })
  assert.deepEqual([more.body.audio, more.body.textgrid, more.body.pitch], [true, true, true])
  const { status, body } = await getJson(`${system.url}/v1/tokens/greeting-1`)
  assert.equal(status, 200)
  assert.deepEqual(body, more.body)
})

test('a real recording of the examples is a reference like any other', async () => {
  const recording = readFileSync(join(ROOT, 'examples/recordings/number-it.wav')).subarray(0, 90_000)
  assert.equal((await put('numero', { audio: recording })).status, 200)
})

test('what is no reference is refused with the reason, and the token stays as it was', async () => {
  const before = (await put('kept', { pitch: PITCH })).body
  const refusals: [Parts, number, string, RegExp][] = [
    [{}, 400, 'upload-no-file', /audio, textgrid and pitch/],
    [{ audio: 'text' }, 415, 'upload-not-audio', /audio format/],
    [{ audio: '' }, 400, 'upload-empty', /no bytes/],
    [{ audio: Buffer.concat([WAV, Buffer.alloc(100_000)]) }, 413, 'upload-too-large', /100000/],
    [{ audio: SILENT_VIDEO }, 422, 'reference-invalid', /no sound track/],
    [{ textgrid: '' }, 422, 'reference-invalid', /The TextGrid has no bytes/],
    [{ pitch: Buffer.alloc(MAX_REFERENCE_BYTES + 1, ' ') }, 422, 'reference-invalid', /pitch file has at most 4194304/],
    [{ textgrid: 'not a TextGrid' }, 422, 'reference-invalid', /./],
    [{ textgrid: TEXTGRID.replace('0.3 0.6', '0.2 0.6') }, 422, 'reference-invalid', /[Ll]ine \d+/],
    [{ pitch: 'time,f0\n0,5000\n' }, 422, 'reference-invalid', /[Ll]ine \d+/],
    [{ video: WAV }, 400, 'upload-malformed', /video/],
    [{ audio: WAV, pitch: 'time,f0\n1,100\n0,100\n' }, 422, 'reference-invalid', /[Ll]ine \d+/],
  ]
  for (const [parts, status, code, detail] of refusals) {
    const answer = await put('kept', parts)
    assert.deepEqual([answer.status, answer.body.code], [status, code], String(answer.body.detail))
    assert.match(String(answer.body.detail), detail)
  }
  assert.deepEqual((await getJson(`${system.url}/v1/tokens/kept`)).body, before)
})

test('a recording replaces the whole token, anything else only what it brings', async () => {
  await put('renewed', { audio: WAV, textgrid: TEXTGRID, pitch: PITCH })
  const has = ({ body }: { body: Record<string, unknown> }) => [body.audio, body.textgrid, body.pitch]
  assert.deepEqual(has(await put('renewed', { pitch: PITCH })), [true, true, true])
  assert.deepEqual(has(await put('renewed', { audio: toneWav({ seconds: 0.7 }) })), [true, false, false])
  assert.deepEqual(has(await put('renewed', { audio: WAV, pitch: PITCH })), [true, false, true])
})

test('the largest texts are stored while the API goes on answering', async (t) => {
  const rows = Array.from({ length: 215_000 }, (_, i) => `${(i / 100).toFixed(3)},${(150 + (i % 50)).toFixed(7)}\n`)
  const largest = Buffer.from(rows.join('')).subarray(0, MAX_REFERENCE_BYTES)
  const text = largest.subarray(0, largest.lastIndexOf('\n') + 1)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  for (let i = 0; i < 5; i++) assert.equal((await put(`large-${i}`, { pitch: text })).status, 200)
  delay.disable()
  t.diagnostic(`p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms, longest ${(delay.max / 1e6).toFixed(1)} ms`)
})

test('tokens are listed page by page, and a removed one is gone', async () => {
  for (const tokenId of ['list-a', 'list-b', 'list-c']) await put(tokenId, { pitch: PITCH }, OTHER_KEY)
  const first = await getJson(`${system.url}/v1/tokens?limit=2`, OTHER_KEY)
  const ids = (body: Record<string, unknown>) => (body.items as { token_id: string }[]).map((item) => item.token_id)
  assert.deepEqual([ids(first.body), first.body.next_cursor], [['list-a', 'list-b'], 'list-b'])
  const rest = await getJson(`${system.url}/v1/tokens?limit=2&cursor=list-b`, OTHER_KEY)
  assert.deepEqual([ids(rest.body), rest.body.next_cursor], [['list-c'], null])
  const remove = () =>
    fetch(`${system.url}/v1/tokens/list-a`, { method: 'DELETE', headers: { authorization: `Bearer ${OTHER_KEY}` } })
  assert.equal((await remove()).status, 204)
  assert.equal((await remove()).status, 404)
  assert.equal((await getJson(`${system.url}/v1/tokens/list-a`, OTHER_KEY)).body.code, 'token-not-found')
})

test('a token is removed whatever content type the request names', async () => {
  await put('typed', { pitch: PITCH })
  const headers = { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' }
  const remove = (body?: string) =>
    fetch(`${system.url}/v1/tokens/typed`, { method: 'DELETE', headers, ...(body === undefined ? {} : { body }) })
  assert.equal((await remove()).status, 204)
  await put('typed', { pitch: PITCH })
  assert.equal((await remove('{}')).status, 204)
})

test('one owner’s tokens are not another’s', async () => {
  await put('mine', { pitch: PITCH })
  assert.equal((await getJson(`${system.url}/v1/tokens/mine`, OTHER_KEY)).status, 404)
  assert.equal((await put('mine', { audio: WAV }, OTHER_KEY)).body.pitch, false)
  assert.equal((await getJson(`${system.url}/v1/tokens/mine`)).body.audio, false)
})

test('a reference that is not multipart is refused', async () => {
  const headers = { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'audio/wav' }
  const init = { method: 'PUT', headers, body: new Uint8Array(WAV) }
  assert.equal((await fetch(`${system.url}/v1/tokens/raw`, init)).status, 415)
  assert.equal((await getJson(`${system.url}/v1/tokens/a%20b`)).status, 400)
})
