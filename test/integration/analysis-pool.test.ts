/** The pool on real threads and real files: every exit that its top comment names, and nothing left behind. */
import assert from 'node:assert/strict'
import { createReadStream, readdirSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { type AnalysisPoolOptions, createAnalysisPool } from '../../src/media/analysis-pool.ts'
import { analysisJob, RECORDING } from '../contracts/analyser-suite.ts'
import { glide, soundOf } from '../unit/analysis/signals.ts'
import { encodeWav } from '../unit/media/wav-files.ts'

const folder = await mkdtemp(join(tmpdir(), 'tonewire-pool-'))
after(() => rm(folder, { recursive: true }))

/** Two minutes: long enough to be caught at work. */
const long = encodeWav({ samples: soundOf(120, 8000, glide(100, 200, 120)).samples, sampleRateHz: 8000 })

async function openPool(options: Partial<AnalysisPoolOptions> = {}) {
  const tmpDir = await mkdtemp(join(folder, 'case-'))
  const pool = createAnalysisPool({ threads: 1, maxDurationS: 600, timeoutMs: 30_000, tmpDir, ...options })
  /** Files of recordings that are there now; undefined when there is not even a folder. */
  async function spooled(): Promise<string[] | undefined> {
    const [name] = await readdir(tmpDir)
    return name === undefined ? undefined : readdir(join(tmpDir, name))
  }
  return { ...pool, spooled, tmpDir, [Symbol.asyncDispose]: () => pool.close() }
}

test('a real recording gets the figures of its voice, and its file is gone', async () => {
  await using pool = await openPool()
  const { durationS, result } = await pool.analyse(analysisJob(createReadStream(RECORDING)))
  const { pitch, intensity, timing } = JSON.parse(result)
  assert.equal(durationS, 5.362)
  assert.ok(pitch.median_hz > 180 && pitch.median_hz < 210)
  assert.ok(pitch.voiced_ratio > 0.7 && pitch.f0_hz.length === 533)
  assert.ok(intensity.values_db.length > 600 && timing.pauses.length === 3)
  assert.deepEqual(await pool.spooled(), [])
})

test('recordings lie in a folder that is closed to others, while they are analysed', async () => {
  await using pool = await openPool()
  const modes: number[] = []
  function onProgress(share: number) {
    if (share > 0) return
    const [name] = readdirSync(pool.tmpDir)
    const [file] = readdirSync(join(pool.tmpDir, name!))
    for (const path of [join(pool.tmpDir, name!), join(pool.tmpDir, name!, file!)])
      modes.push(statSync(path).mode & 0o777)
  }
  await pool.analyse(analysisJob(Readable.from([long]), { onProgress }))
  assert.deepEqual(modes.slice(0, 2), [0o700, 0o600])
})

test('an abort stops the thread at its work, and the next recording finds it free', async () => {
  await using pool = await openPool()
  const controller = new AbortController()
  const reason = new Error('cancelled')
  const messages: string[] = []
  const analysis = pool.analyse(
    analysisJob(Readable.from([long]), {
      signal: controller.signal,
      onProgress(_, message) {
        messages.push(message)
        controller.abort(reason)
      },
    }),
  )
  await assert.rejects(analysis, reason)
  assert.equal(messages.length, 1)
  assert.deepEqual(await pool.spooled(), [])
  assert.equal((await pool.analyse(analysisJob(createReadStream(RECORDING)))).durationS, 5.362)
})

test('a job that waits for a thread can be aborted too', async () => {
  await using pool = await openPool()
  const first = pool.analyse(analysisJob(Readable.from([long])))
  const reason = new Error('cancelled')
  const controller = new AbortController()
  const recording = createReadStream(RECORDING)
  const second = pool.analyse(analysisJob(recording, { signal: controller.signal }))
  recording.on('close', () => controller.abort(reason))
  await assert.rejects(second, reason)
  assert.equal((await first).durationS, 120)
  assert.deepEqual(await pool.spooled(), [])
})

test('a thread that hangs is ended in time, finally, and another takes its place', async () => {
  const threadModule = new URL('./fixtures/stuck-worker.ts', import.meta.url)
  await using pool = await openPool({ timeoutMs: 2000, threadModule })
  const notes: string[] = []
  for (let i = 1; i <= 2; i++) {
    const onProgress = (_: number, message: string) => void notes.push(message)
    const analysis = pool.analyse(analysisJob(createReadStream(RECORDING), { onProgress }))
    await assert.rejects(analysis, { code: 'analysis-timeout', retry: 'never' })
    assert.equal(notes.length, i)
  }
  assert.deepEqual(await pool.spooled(), [])
})

test('a recording that does not come in time can be tried again', async () => {
  await using pool = await openPool({ timeoutMs: 20 })
  const silent = new Readable({ read() {} })
  await assert.rejects(pool.analyse(analysisJob(silent)), { code: 'storage-unavailable', retry: 'later' })
  assert.equal(silent.destroyed, true)
  assert.deepEqual(await pool.spooled(), [])
})

test('recordings that cannot be read, are foreign or too long keep their own errors', async () => {
  await using pool = await openPool({ maxDurationS: 100 })
  const foreign = encodeWav({ samples: new Float32Array(1000) })
  // TrueSpeech, which is not decoded with ffmpeg either.
  foreign.writeUInt16LE(0x22, 20)
  const cases: [Buffer, string][] = [
    [Buffer.from('nothing of the kind'), 'recording-undecodable'],
    [foreign, 'codec-unsupported'],
    [long, 'recording-too-long'],
  ]
  for (const [content, code] of cases) {
    await assert.rejects(pool.analyse(analysisJob(Readable.from([content]))), { code, retry: 'never' })
  }
  assert.deepEqual(await pool.spooled(), [])
})

test('a thread that dies fails its job for now, and another takes its place', async () => {
  await using pool = await openPool({ threadModule: new URL('./fixtures/dying-worker.ts', import.meta.url) })
  for (let i = 0; i < 3; i++) {
    await assert.rejects(pool.analyse(analysisJob(createReadStream(RECORDING))), {
      code: 'analysis-failed',
      retry: 'later',
    })
  }
  assert.deepEqual(await pool.spooled(), [])
})

test('more recordings than may be held are sent away at once, and none is written', async () => {
  await using pool = await openPool({ maxWaiting: 1 })
  const held = [1, 2].map(() => pool.analyse(analysisJob(Readable.from([long]))))
  await assert.rejects(pool.analyse(analysisJob(createReadStream(RECORDING))), {
    code: 'analysis-failed',
    retry: 'later',
  })
  assert.equal((await Promise.all(held)).length, 2)
})

test('closing ends what is held as retryable, and leaves no folder', async () => {
  const pool = await openPool()
  const started = Promise.withResolvers<void>()
  const held = pool.analyse(analysisJob(Readable.from([long]), { onProgress: () => started.resolve() }))
  await started.promise
  const [outcome] = await Promise.allSettled([held, pool.close()])
  assert.equal(outcome.status === 'rejected' && outcome.reason.code, 'shutting-down')
  assert.equal(await pool.spooled(), undefined)
  await pool.close()
})

test('a pool that never saw a recording makes no folder', async () => {
  const pool = await openPool()
  await pool.close()
  assert.equal(await pool.spooled(), undefined)
})

test('what a killed process left behind is removed by the next one, and what a living one uses is not', async () => {
  await using pool = await openPool()
  const gone = join(pool.tmpDir, 'tonewire-analysis-999999999-abcdef')
  const alive = join(pool.tmpDir, `tonewire-analysis-${process.ppid}-abcdef`)
  await Promise.all([mkdir(gone), mkdir(alive)])
  await pool.analyse(analysisJob(createReadStream(RECORDING)))
  const names = await readdir(pool.tmpDir)
  assert.equal(names.includes('tonewire-analysis-999999999-abcdef'), false)
  assert.equal(names.includes(`tonewire-analysis-${process.ppid}-abcdef`), true)
})
