import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { lockDataDir } from '../../src/embedded/data-dir-lock.ts'
import { startProcess } from '../support/processes.ts'

const folder = mkdtempSync(join(tmpdir(), 'lock-'))
after(() => rmSync(folder, { recursive: true }))

const holder = `
  import { lockDataDir } from './src/embedded/data-dir-lock.ts'
  try {
    lockDataDir(process.env.FOLDER)
    console.log('held')
    setInterval(() => {}, 1000)
  } catch (error) {
    console.log('refused ' + error.message)
  }`
const startHolder = (dataDir: string) =>
  startProcess(['--input-type=module-typescript', '--eval', holder], { FOLDER: dataDir })

test('a second opener in another process is refused with a sentence that names the first', async () => {
  const dataDir = join(folder, 'other')
  const first = startHolder(dataDir)
  await first.waitForLine(/held/)
  assert.throws(() => lockDataDir(dataDir), new RegExp(`in use by process ${first.pid}\\b.*DATA_DIR`))
})

test('a second opener in the same process is refused too', () => {
  const dataDir = join(folder, 'same')
  using _held = lockDataDir(dataDir)
  assert.throws(() => lockDataDir(dataDir), new RegExp(`in use by process ${process.pid}\\b`))
})

test('a killed holder leaves no lock behind', async () => {
  const dataDir = join(folder, 'killed')
  const first = startHolder(dataDir)
  await first.waitForLine(/held/)
  await first.kill('SIGKILL')
  lockDataDir(dataDir).release()
})

test('a pid file left behind decides nothing, even when its pid lives', () => {
  const dataDir = join(folder, 'stale')
  lockDataDir(dataDir).release()
  writeFileSync(join(dataDir, 'process.pid'), '1\n')
  lockDataDir(dataDir).release()
})

test('the folder can be held again after its release, and a second release does not let go of it', () => {
  const dataDir = join(folder, 'again')
  const first = lockDataDir(dataDir)
  first.release()
  using _second = lockDataDir(dataDir)
  first.release()
  assert.throws(() => lockDataDir(dataDir), /in use/)
})

test('of many openers at once exactly one holds the folder', async () => {
  const dataDir = join(folder, 'race')
  const openers = Array.from({ length: 6 }, () => startHolder(dataDir))
  const lines = await Promise.all(openers.map((opener) => opener.waitForLine(/held|refused/)))
  assert.equal(lines.filter((line) => line === 'held').length, 1, lines.join('\n'))
})
