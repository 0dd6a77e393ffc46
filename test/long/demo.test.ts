import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startProcess } from '../support/processes.ts'
import { toneWav } from '../support/recordings.ts'

const folder = mkdtempSync(join(tmpdir(), 'tonewire-test-'))
after(() => rmSync(folder, { recursive: true }))

function file(name: string, bytes: string | Buffer): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

test('the demo pushes its own recordings through every hop and ends with a completed line for each', async () => {
  const demo = startProcess(['scripts/demo.ts'], {})
  assert.deepEqual(await demo.ended, { code: 0, signal: null }, demo.output())
  const lines = demo.output().trimEnd().split('\n')
  const names = lines.filter((line) => /\.wav +\d+\.\d\d s/.test(line)).map((line) => line.split(' ')[0])
  assert.ok(names.length >= 2, demo.output())
  const ends = lines.slice(-names.length).map((line) => /^completed {2}(\S+)/.exec(line)?.[1])
  assert.deepEqual(ends, names)
  for (const status of ['queued', 'forwarded', 'analysing', 'completed']) {
    assert.ok(
      lines.some((line) => line.includes(` ${status} `)),
      status,
    )
  }
})

test('the demo takes files from the command line, and exits 1 with the reason when one does not complete', async () => {
  const good = file('tone.wav', toneWav())
  const text = file('notes.txt', 'these are notes')
  const demo = startProcess(['scripts/demo.ts', good, text], {})
  assert.deepEqual(await demo.ended, { code: 1, signal: null }, demo.output())
  assert.match(demo.output(), /^completed {2}tone\.wav/m)
  assert.match(demo.output(), /^failed {2}notes\.txt {2}The file is not audio/m)
})

test('the demo names a file that is not there, and starts nothing', async () => {
  const demo = startProcess(['scripts/demo.ts', join(folder, 'nowhere.wav')], {})
  assert.deepEqual(await demo.ended, { code: 1, signal: null })
  assert.match(demo.output(), /nowhere\.wav/)
})
