import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isKeptTrack } from '../../src/analysis/kept-track.ts'
import { computedPitchKey } from '../../src/domain/object-keys.ts'
import { openEvents } from '../support/events.ts'
import { ROOT } from '../support/processes.ts'
import { getJson, openTestPlaces, startTestSystem, TEST_KEY, uploadRaw } from '../support/system.ts'

const recording = (name: string): Buffer => readFileSync(join(ROOT, 'examples/recordings', name))
const QUEUE = recording('queue-en.wav')
const TEXTGRID = `File type = "ooTextFile"
Object class = "TextGrid"

0 5.362 <exists> 1
"IntervalTier" "halves" 0 5.362 2
0 2.5 "first"
2.5 5.362 "second"
`
const { places, env } = await openTestPlaces()
const system = await startTestSystem(['api', 'forward', 'analyse', 'record', 'reconcile'], places, env)

interface Comparison {
  readonly token_id: string
  readonly score: number | null
  readonly reason: string | null
  readonly components: { readonly pitch_correlation: number } | null
  readonly intervals: readonly { label: string; score: number | null }[]
}

async function put(tokenId: string, parts: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  const form = new FormData()
  for (const [name, value] of Object.entries(parts))
    form.append(name, new Blob([value as Uint8Array<ArrayBuffer>]), name)
  const init = { method: 'PUT', headers: { authorization: `Bearer ${TEST_KEY}` }, body: form }
  assert.equal((await fetch(`${system.url}/v1/tokens/${tokenId}`, init)).status, 200)
}

test('a result comes in every format, with its reference where the format shows one', async () => {
  await put('formats', { audio: QUEUE, textgrid: TEXTGRID })
  const response = await uploadRaw(system.url, QUEUE, { query: '?token_id=formats' })
  const { job_id: jobId } = (await response.json()) as { job_id: string }
  await (await openEvents(`${system.url}/v1/jobs/${jobId}/events`, TEST_KEY)).ended
  const formats = {
    csv: /^time_s,f0_hz,intensity_db\n/,
    textgrid: /"first"/,
    pitchtier: /"PitchTier"/,
    svg: /^<(\?xml|svg)/,
  }
  for (const [format, shape] of Object.entries(formats)) {
    const headers = { authorization: `Bearer ${TEST_KEY}` }
    const answer = await fetch(`${system.url}/v1/jobs/${jobId}/result?format=${format}`, { headers })
    assert.equal(answer.status, 200)
    assert.match(await answer.text(), shape)
  }
  assert.equal((await getJson(`${system.url}/v1/jobs/${jobId}/result?format=pdf`)).status, 400)
})

async function compare(tokenId: string, bytes: Buffer): Promise<Comparison> {
  const response = await uploadRaw(system.url, bytes, { query: `?token_id=${tokenId}` })
  const { job_id: jobId } = (await response.json()) as { job_id: string }
  const stream = await openEvents(`${system.url}/v1/jobs/${jobId}/events`, TEST_KEY)
  await stream.ended
  assert.equal(stream.events.at(-1)?.data.status, 'completed', JSON.stringify(stream.events.at(-1)?.data))
  return (await getJson(`${system.url}/v1/jobs/${jobId}/result`)).body.comparison as Comparison
}

test('a recording is compared with the reference of its token, interval by interval', async () => {
  await put('queue', { audio: QUEUE, textgrid: TEXTGRID })
  const same = await compare('queue', QUEUE)
  assert.ok(same.score !== null && same.score >= 99, JSON.stringify(same))
  assert.deepEqual(
    same.intervals.map(({ label }) => label),
    ['first', 'second'],
  )
  const other = await compare('queue', recording('number-it.wav'))
  assert.ok(other.score !== null && other.score < 60, `another sentence has ${other.score}`)
})

test('the pitch of a reference recording is computed once and kept under its hash', async () => {
  await put('kept', { audio: QUEUE })
  const first = await compare('kept', QUEUE)
  const sha256 = createHash('sha256').update(QUEUE).digest('hex')
  const chunks: Buffer[] = []
  for await (const chunk of await system.ports.objects.get(computedPitchKey('acme', sha256, 'robust')))
    chunks.push(chunk)
  assert.equal(isKeptTrack(Buffer.concat(chunks)), true)
  assert.deepEqual({ ...(await compare('kept', QUEUE)), token_id: '' }, { ...first, token_id: '' })
})

test('a new recording of a token is compared with, not what an earlier one left behind', async () => {
  const rows = Array.from({ length: 300 }, (_, i) => `${(i / 100).toFixed(2)},${150 + (i % 100)}`)
  await put('renewed', {
    audio: recording('number-it.wav'),
    pitch: `time,f0\n${rows.join('\n')}\n`,
    textgrid: TEXTGRID,
  })
  await put('renewed', { audio: QUEUE })
  const { score, intervals } = await compare('renewed', QUEUE)
  assert.deepEqual([score, intervals], [100, []])
})

test('a reference recording that turns out to be unusable fails no learner’s job', async () => {
  const TRUESPEECH = 0x22
  const broken = Buffer.from(QUEUE)
  broken.writeUInt16LE(TRUESPEECH, 20)
  await put('broken', { audio: broken })
  const { score, reason } = await compare('broken', QUEUE)
  assert.deepEqual([score, reason], [null, 'reference-unusable'])
})

test('a PitchTier that was stylised in Praat is a reference of its own recording', async () => {
  const tier = readFileSync(join(ROOT, 'test/unit/analysis/fixtures/praat-files/stylised.PitchTier'))
  await put('stylised', { pitch: tier })
  const { score, components } = await compare('stylised', QUEUE)
  // It cannot say where there is no voice, and so never fits as well as a track.
  assert.ok(score !== null && score >= 30, String(score))
  assert.ok((components?.pitch_correlation ?? 0) >= 0.95, JSON.stringify(components))
})

test('a pitch file, a TextGrid alone and an unknown token each say what they can', async () => {
  const rows = Array.from({ length: 100 }, (_, i) => `${(i / 100).toFixed(2)},${180 + 20 * Math.sin(i / 10)}`)
  await put('drawn', { pitch: `time,f0\n${rows.join('\n')}\n` })
  assert.notEqual((await compare('drawn', QUEUE)).score, null)
  await put('labels', { textgrid: TEXTGRID })
  assert.deepEqual((({ score, reason }) => [score, reason])(await compare('labels', QUEUE)), [
    null,
    'no-reference-pitch',
  ])
  assert.deepEqual((({ score, reason }) => [score, reason])(await compare('unknown', QUEUE)), [null, 'no-reference'])
})
