/** The pool on real threads and real files: every exit that its top comment names, and nothing left behind. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, readdirSync, readlinkSync, statSync, watch } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { type AnalysisPoolOptions, createAnalysisPool } from '../../src/media/analysis-pool.ts'
import { findFfmpeg } from '../../src/media/ffmpeg-tools.ts'
import { analysisJob, RECORDING } from '../contracts/analyser-suite.ts'
import { NO_FFMPEG } from '../support/codecs.ts'
import { isRunning } from '../support/processes-by-id.ts'
import { glide, soundOf } from '../unit/analysis/signals.ts'
import { encodeWav } from '../unit/media/wav-files.ts'

const folder = await mkdtemp(join(tmpdir(), 'tonewire-pool-'))
after(() => rm(folder, { recursive: true }))

/** Two minutes: long enough to be caught at work. */
const long = encodeWav({ samples: soundOf(120, 8000, glide(100, 200, 120)).samples, sampleRateHz: 8000 })

/** Eight times as long, for notes that come ten times a second: the reader takes what is there for what is declared. */
const longer = Buffer.concat([long, ...Array.from({ length: 7 }, () => long.subarray(44))])
longer.writeUInt32LE(0xffffffff, 40)

async function openPool(options: Partial<AnalysisPoolOptions> = {}) {
  const tmpDir = await mkdtemp(join(folder, 'case-'))
  const pool = createAnalysisPool({ threads: 1, maxDurationS: 1200, timeoutMs: 30_000, tmpDir, ...options })
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

test('progress from inside names each part of the work in its order', async () => {
  await using pool = await openPool()
  const notes: [share: number, message: string][] = []
  await pool.analyse(analysisJob(Readable.from([longer]), { onProgress: (...note) => void notes.push(note) }))
  const names = [...new Set(notes.map(([, message]) => message))]
  assert.deepEqual(
    [...names.slice(0, 2), names.at(-1)],
    ['Decoding the recording', 'Tracking pitch', 'The analysis is done'],
  )
  assert.ok(notes.every(([share], i) => share >= (notes[i - 1]?.[0] ?? 0)))
  assert.ok(notes.filter(([share, message]) => message === 'Tracking pitch' && share > 0 && share < 1).length > 1)
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

describe('a decoder that hangs is gone with its task, and the thread is free for the next', {
  skip: NO_FFMPEG,
}, () => {
  /** A pool whose threads find a program in ffmpeg's place; `started` is its process id, told by a link. */
  async function openHanging(timeoutMs: number) {
    const bin = await mkdtemp(join(folder, 'bin-'))
    await writeFile(join(bin, 'ffmpeg'), `#!/bin/sh\nln -s $$ ${bin}/pid\nexec sleep 1000\n`, { mode: 0o755 })
    await symlink(findFfmpeg()!.ffprobe, join(bin, 'ffprobe'))
    const watcher = watch(bin)
    const started = once(watcher, 'change').then(() => Number(readlinkSync(`${bin}/pid`)))
    after(() => watcher.close())
    const path = process.env.PATH ?? ''
    process.env.PATH = `${bin}${delimiter}${path}` // which a thread takes a copy of when it is made
    const pool = await openPool({ timeoutMs })
    process.env.PATH = path
    return { pool, started }
  }
  const flac = join(folder, 'speech.flac')
  before(() => execFileSync('ffmpeg', ['-v', 'error', '-i', RECORDING, flac]))

  async function assertFree(pool: Awaited<ReturnType<typeof openPool>>, pid: number): Promise<void> {
    assert.equal(isRunning(pid), false)
    assert.deepEqual(await pool.spooled(), [])
    assert.equal((await pool.analyse(analysisJob(createReadStream(RECORDING)))).durationS, 5.362)
  }

  test('when its time is over', async () => {
    const { pool, started } = await openHanging(3000)
    await using _ = pool
    const analysis = pool.analyse(analysisJob(createReadStream(flac)))
    await Promise.all([started, assert.rejects(analysis, { code: 'analysis-timeout', retry: 'never' })])
    await assertFree(pool, await started)
  })

  test('when its job is called off', async () => {
    const { pool, started } = await openHanging(30_000)
    await using _ = pool
    const [reason, controller] = [new Error('cancelled'), new AbortController()]
    const analysis = pool.analyse(analysisJob(createReadStream(flac), { signal: controller.signal }))
    const rejected = assert.rejects(analysis, reason)
    const pid = await started
    assert.equal(isRunning(pid), true)
    controller.abort(reason)
    await rejected
    await assertFree(pool, pid)
  })
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
  const started = Promise.withResolvers<void>()
  const held = [1, 2].map(() =>
    pool.analyse(analysisJob(Readable.from([long]), { onProgress: () => started.resolve() })),
  )
  await started.promise
  const recording = createReadStream(RECORDING)
  for (let i = 0; i < 3; i++) {
    await assert.rejects(pool.analyse(analysisJob(recording)), { code: 'analysis-failed', retry: 'later' })
  }
  assert.deepEqual([recording.bytesRead, (await pool.spooled())?.length], [0, 2])
  recording.destroy()
  assert.equal((await Promise.all(held)).length, 2)
  assert.equal((await pool.analyse(analysisJob(createReadStream(RECORDING)))).durationS, 5.362)
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
