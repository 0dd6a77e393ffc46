import assert from 'node:assert/strict'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { formatKeptTrack } from '../../../src/analysis/kept-track.ts'
import { computedPitchKey } from '../../../src/domain/object-keys.ts'
import type { AnalysisReference } from '../../../src/ports.ts'
import { analyseRecording } from '../../../src/services/analyse-recording.ts'
import { addJob, createFakePorts, type FakePorts } from '../../support/fake-ports.ts'
import { messageFor } from '../../support/orders.ts'
import { toneWav } from '../../support/recordings.ts'

const AUDIO_KEY = 'references/acme/t/a.wav'
const SHA256 = 'a'.repeat(64)
const TRACK = formatKeptTrack({ startS: 0.02, stepS: 0.01, f0Hz: Float64Array.of(180, 181) })

/** A job whose token has a reference recording, and what its analyser was given. */
async function withReference(ports: FakePorts) {
  await ports.objects.putBytes(AUDIO_KEY, toneWav(), 'audio/wav')
  await ports.tokens.put('acme', 't', { audioKey: AUDIO_KEY, audioSha256: SHA256, textgridKey: null, pitchKey: null })
  const { reference: _, ...job } = await addJob(ports, 'forwarded', { tokenId: 't' })
  const reference = { audioKey: AUDIO_KEY, audioSha256: SHA256, textgridKey: null, pitchKey: null }
  const find = ports.jobs.advance
  const jobs = {
    ...ports.jobs,
    advance: async (changes: Parameters<typeof find>[0]) =>
      (await find(changes)).map((one) => ({ ...one, job: one.job && { ...one.job, reference } })),
  }
  return { job: { ...job, reference }, ports: { ...ports, jobs } }
}

const answerOf = (ports: Pick<FakePorts, 'resultQueue'>) => JSON.parse(ports.resultQueue.sent.at(-1)!.body)

function observeReference(ports: Pick<FakePorts, 'analyser'>): { given?: AnalysisReference | null } {
  const seen: { given?: AnalysisReference | null } = {}
  ports.analyser.next(async ({ reference, recording }) => {
    seen.given = reference ?? null
    await buffer(recording)
    return { durationS: 1, result: '{"version":1}' }
  })
  return seen
}

test('a reference recording that is gone fails no job: the result says so, and so do a figure and the log', async () => {
  const { job, ports } = await withReference(createFakePorts())
  await ports.objects.delete(AUDIO_KEY)
  await analyseRecording(ports, messageFor(job))
  const { type, result } = answerOf(ports)
  assert.equal(type, 'completed')
  assert.deepEqual([result.comparison.score, result.comparison.reason], [null, 'reference-unusable'])
  assert.equal(ports.metrics.counted('reference_faults', { code: 'object-not-found' }), 1)
  assert.ok(ports.log.lines.some(({ sentence }) => sentence === 'reference unusable'))
})

test('a TextGrid or a pitch file that is gone fails no job either', async () => {
  for (const name of ['s3_textgrid_url', 's3_pitch_url']) {
    const { job, ports } = await withReference(createFakePorts())
    await analyseRecording(ports, messageFor(job, { [name]: 's3://fake-bucket/references/acme/t/gone' }))
    assert.equal(answerOf(ports).result.comparison.reason, 'reference-unusable')
  }
})

test('with the store away a job with a reference is thrown back', async () => {
  const { job, ports } = await withReference(createFakePorts())
  ports.objects.setDown(true)
  await assert.rejects(analyseRecording(ports, messageFor(job)), { code: 'storage-unavailable' })
})

test('a kept track is taken instead of the recording; one that cannot be read counts as absent', async () => {
  for (const [bytes, isRead] of [
    [TRACK, true],
    [TRACK.subarray(0, 30), false],
    [Buffer.from('time_s,f0_hz\n3700.0,180\n'), false],
  ] as const) {
    const { job, ports } = await withReference(createFakePorts())
    await ports.objects.putBytes(computedPitchKey('acme', SHA256, 'robust'), bytes, 'application/octet-stream')
    const seen = observeReference(ports)
    await analyseRecording(ports, messageFor(job))
    assert.deepEqual([seen.given?.computedPitch !== null, seen.given?.audio === null], [isRead, isRead])
    seen.given?.audio?.destroy()
  }
})

test('a computed track is kept for its mode, and is found again', async () => {
  const { job, ports } = await withReference(createFakePorts())
  ports.analyser.next(async () => ({ durationS: 1, result: '{"version":1}', computedPitch: TRACK }))
  await analyseRecording(ports, messageFor(job))
  const kept = ports.objects.objects.get(computedPitchKey('acme', SHA256, 'robust'))
  assert.deepEqual(kept?.bytes, Buffer.from(TRACK))
  assert.equal(ports.objects.objects.has(computedPitchKey('acme', SHA256, 'praat')), false)
})

test('the reference’s stream is closed when the recording is gone', async () => {
  const { job, ports } = await withReference(createFakePorts())
  await ports.objects.delete(job.objectKey)
  let opened: Readable | undefined
  const get: typeof ports.objects.get = async (key, signal) => {
    const stream = await ports.objects.get(key, signal)
    if (key === AUDIO_KEY) opened = stream
    return stream
  }
  await analyseRecording({ ...ports, objects: { ...ports.objects, get } }, messageFor(job))
  assert.equal(answerOf(ports).error.code, 'object-not-found')
  assert.equal(opened?.destroyed, true)
})

test('a reference file of another place is taken only from where the configuration allows it', async () => {
  const url = 's3://fake-bucket/lessons/one.csv'
  for (const [allowedPrefixes, type] of [
    [[], 'failed'],
    [['s3://fake-bucket/less/'], 'failed'],
    [['s3://another-bucket/', 's3://fake-bucket/lessons/'], 'completed'],
  ] as const) {
    const { job, ports } = await withReference(createFakePorts())
    await ports.objects.putBytes('lessons/one.csv', Buffer.from('time,f0\n0,100\n'), 'text/csv')
    await analyseRecording(ports, messageFor(job, { s3_pitch_url: url }), { allowedPrefixes })
    assert.equal(answerOf(ports).type, type)
  }
})
