/** docs/outages.md, the disk of DATA_DIR: a whole system on embedded stores, on a small disk of its own. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { findFreePort } from '../../src/embedded/free-port.ts'
import { FAST, statusAtEnd, uploadTone } from '../support/outages.ts'
import { startProcess, waitForReady } from '../support/processes.ts'
import { toneWav } from '../support/recordings.ts'
import { TEST_KEY, uploadRaw } from '../support/system.ts'

const SIZE_MIB = 256
const disk = await mountSmallDisk()

/** Undefined where this user may not mount a file system. */
async function mountSmallDisk(): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'tonewire-disk-'))
  const options = ['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m`, 'tmpfs', folder]
  const { status } = spawnSync('mount', options, { stdio: 'ignore' })
  after(async () => {
    if (status === 0) spawnSync('umount', ['--lazy', folder])
    await rm(folder, { recursive: true, force: true })
  })
  return status === 0 ? folder : undefined
}

test('while the disk of DATA_DIR is full nothing is accepted and nothing lost, and it goes on when there is room', {
  skip: disk === undefined && 'this user may not mount a file system',
}, async () => {
  const url = `http://127.0.0.1:${await findFreePort()}`
  const DATA_DIR = join(disk as string, 'data')
  const env = { ...FAST, DATA_DIR, PORT: new URL(url).port, BOOTSTRAP_API_KEYS: `acme=${TEST_KEY}` }
  const system = startProcess(['src/server.ts'], env)
  await waitForReady(`${url}/readyz`)
  const jobs = await Promise.all([1, 2, 3].map(() => uploadTone({ url })))

  const filler = join(disk as string, 'filler')
  await assert.rejects(writeFile(filler, Buffer.alloc(SIZE_MIB * 1024 ** 2)), { code: 'ENOSPC' })
  const refused = await uploadRaw(url, toneWav())
  assert.deepEqual([refused.status, refused.headers.has('retry-after')], [503, true])
  assert.equal((await fetch(`${url}/livez`)).status, 200)
  assert.equal((await fetch(`${url}/readyz`)).status, 503)
  const doctor = startProcess(['scripts/doctor.ts'], { DATA_DIR })
  assert.equal((await doctor.ended).code, 1)
  assert.match(doctor.output(), /^fault +disk +DATA_DIR .* takes nothing +→ free at least 64 MiB there$/m)

  await rm(filler)
  await waitForReady(`${url}/readyz`)
  jobs.push(await uploadTone({ url }))
  for (const { job_id: jobId } of jobs) assert.equal(await statusAtEnd({ url }, jobId), 'completed')
  assert.deepEqual(await system.kill('SIGTERM'), { code: 0, signal: null })
})
