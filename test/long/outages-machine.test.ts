/** docs/outages.md, the machine: no ffmpeg, a full disk, a clock that is off. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createAnalysisPool } from '../../src/media/analysis-pool.ts'
import { findFfmpeg } from '../../src/media/ffmpeg-tools.ts'
import { analysisJob, RECORDING } from '../contracts/analyser-suite.ts'
import { newJob } from '../contracts/job-store-suite.ts'
import { ffmpeg, NO_FFMPEG, temporaryFolder } from '../support/codecs.ts'
import { untilValue } from '../support/figures.ts'
import { ALL_ROLES, FAST, statusAtEnd, uploadTone } from '../support/outages.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { startProcess } from '../support/processes.ts'
import { getJson, openTestPlaces, startTestSystem, TEST_KEY } from '../support/system.ts'

const toolUp = (tool: string) => `tonewire_analyser_tool_up{tool="${tool}"}`

const disk = await mountSmallDisk()

/** A file system of its own that a test can fill; undefined where this user may not mount one. */
async function mountSmallDisk(): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'tonewire-disk-'))
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder], { stdio: 'ignore' })
  after(async () => {
    if (status === 0) spawnSync('umount', ['--lazy', folder])
    await rm(folder, { recursive: true, force: true })
  })
  return status === 0 ? folder : undefined
}

test('a pool whose folder cannot be written says so, throws what may pass, and works once it can', async () => {
  const tmpDir = join(temporaryFolder(), 'not-yet')
  const pool = createAnalysisPool({ threads: 1, maxDurationS: 60, timeoutMs: 60_000, tmpDir })
  const unavailable = { code: 'storage-unavailable', retry: 'later' }
  await assert.rejects(pool.check(), unavailable)
  await assert.rejects(pool.analyse(analysisJob(createReadStream(RECORDING))), unavailable)
  await mkdir(tmpDir)
  await pool.check()
  assert.equal((await pool.analyse(analysisJob(createReadStream(RECORDING)))).durationS, 5.362)
  await pool.close()
})

test('a pool with hardly any room left says so before a recording breaks off in it', async () => {
  const leastFreeBytes = Number.MAX_SAFE_INTEGER
  const pool = createAnalysisPool({ threads: 1, maxDurationS: 60, timeoutMs: 60_000, leastFreeBytes })
  await assert.rejects(pool.check(), { code: 'storage-unavailable' })
  await pool.close()
})

test('on a full disk orders wait, however long, and are analysed when there is room', {
  skip: disk === undefined && 'this user may not mount a file system',
}, async () => {
  const filler = join(disk as string, 'filler')
  const { places, env } = await openTestPlaces()
  const usual = process.env.TMPDIR
  process.env.TMPDIR = disk as string
  const system = await startTestSystem(ALL_ROLES, places, { ...env, ...FAST, ANALYSIS_THREADS: '1' })
  await assert.rejects(writeFile(filler, Buffer.alloc(32 * 1024 ** 2)), { code: 'ENOSPC' })
  const jobs = await Promise.all([1, 2].map(() => uploadTone(system)))
  await untilValue(system.url, toolUp('temporary_files'), 0)
  await untilValue(system.url, 'tonewire_jobs{status="analysing"}', 1)
  assert.equal((await system.ports.analysisQueue.depth()).dead, 0)
  await rm(filler)
  for (const { job_id: jobId } of jobs) assert.equal(await statusAtEnd(system, jobId), 'completed')
  await untilValue(system.url, toolUp('temporary_files'), 1)
  await system.stop()
  if (usual === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = usual
})

/** A whole system with nothing on its PATH but one folder, where ffmpeg and what guards it come and go. */
async function startOnOwnPath() {
  const folder = temporaryFolder()
  const file = join(folder, 'tone.mp3')
  ffmpeg(['-f', 'lavfi', '-i', 'sine=frequency=200:duration=1', '-c:a', 'libmp3lame', file])
  const { ffmpeg: decoder, ffprobe, ...guards } = findFfmpeg()!
  const programs = Object.entries({ ffmpeg: decoder, ffprobe })
  const usual = process.env.PATH ?? ''
  const bin = join(folder, 'bin')
  await mkdir(bin)
  await Promise.all(Object.entries(guards).map(([name, path]) => symlink(path, join(bin, name))))
  const { places, env } = await openTestPlaces()
  process.env.PATH = bin
  const system = await startTestSystem(ALL_ROLES, places, { ...env, ...FAST, ANALYSIS_THREADS: '1' })
  return {
    system,
    mp3: await readFile(file),
    install: () => Promise.all(programs.map(([name, path]) => symlink(path, join(bin, name)))),
    uninstall: () => Promise.all(programs.map(([name]) => rm(join(bin, name)))),
    async stop() {
      await system.stop()
      process.env.PATH = usual
    },
  }
}

test('an ffmpeg that goes away from a running analyser fails nothing, and all is analysed when it is back', {
  skip: NO_FFMPEG,
}, async () => {
  const { system, mp3, install, uninstall, stop } = await startOnOwnPath()
  await install()
  assert.equal(await statusAtEnd(system, (await uploadTone(system, mp3)).job_id), 'completed')
  await uninstall()
  const jobs = await Promise.all([1, 2].map(() => uploadTone(system, mp3)))
  await untilValue(system.url, toolUp('ffmpeg'), 0)
  await untilValue(system.url, 'tonewire_jobs{status="analysing"}', 1)
  assert.equal((await system.ports.analysisQueue.depth()).dead, 0)
  await assert.rejects(system.ports.analyser.check(), { code: 'not-ready' })
  await install()
  for (const { job_id: jobId } of jobs) assert.equal(await statusAtEnd(system, jobId), 'completed')
  await untilValue(system.url, toolUp('ffmpeg'), 1)
  await stop()
})

test('without ffmpeg WAV is analysed, the others end with an error that names it, and complete by a retry once it is installed', {
  skip: NO_FFMPEG,
}, async () => {
  const { system, mp3: bytes, install, stop } = await startOnOwnPath()
  const wav = await uploadTone(system)
  const mp3 = await uploadTone(system, bytes)
  assert.equal(await statusAtEnd(system, wav.job_id), 'completed')
  assert.equal(await statusAtEnd(system, mp3.job_id), 'failed')
  const { error } = (await getJson(`${system.url}/v1/jobs/${mp3.job_id}`)).body as {
    error: { code: string; detail: string; retryable: boolean }
  }
  assert.equal(error.code, 'codec-unsupported')
  assert.match(error.detail, /ffmpeg is missing/)
  assert.equal(error.retryable, true)
  await untilValue(system.url, toolUp('ffmpeg'), 0)
  await install()
  await untilValue(system.url, toolUp('ffmpeg'), 1)
  const headers = { authorization: `Bearer ${TEST_KEY}` }
  const retried = await fetch(`${system.url}/v1/jobs/${mp3.job_id}/retry`, { method: 'POST', headers })
  assert.equal(((await retried.json()) as { attempt: number }).attempt, 2)
  assert.equal(await statusAtEnd(system, mp3.job_id), 'completed')
  await stop()
})

for (const [name, skewMs] of [
  ['ahead', 60_000],
  ['behind', -60_000],
] as const) {
  test(`a reconciler whose clock is a minute ${name} keeps to the deadlines of the database`, {
    skip: skipWithoutPostgres,
  }, async () => {
    const { places, env, redis, aws } = await openTestPlaces()
    const { url: databaseUrl } = await createTestDatabase()
    const system = await startTestSystem(['api'], { ...places, database: { url: databaseUrl } }, { ...env, ...FAST })
    const [early, due] = await Promise.all(
      [50, 0].map((uploadTimeoutS) => system.ports.jobs.create(newJob({ owner: 'acme', uploadTimeoutS }))),
    )
    startProcess(['--import', './test/support/skewed-clock.mjs', 'workers/reconcile.ts'], {
      ...env,
      ...aws.env,
      ...FAST,
      DATABASE_URL: databaseUrl,
      REDIS_URL: redis.url,
      SKEW_MS: String(skewMs),
    })
    // Stays unpublished while it waits; its stream ends with the word of the reconciler.
    assert.equal(await statusAtEnd(system, due?.jobId), 'failed')
    const waiting = await getJson(`${system.url}/v1/jobs/${early?.jobId}`, TEST_KEY)
    assert.equal(waiting.body.status, 'uploading')
    await system.stop()
  })
}
