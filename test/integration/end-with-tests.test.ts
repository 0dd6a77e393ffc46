import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startProcess } from '../support/processes.ts'

const LEAKY = `
import { createServer } from 'node:http'
import { test } from 'node:test'
test('passes, and leaves a server', () => { createServer().listen(0, '127.0.0.1') })
`

test('a file that leaves something open after its tests is ended, fails, and says what it was', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tonewire-leaky-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'leaky.test.mjs')
  await writeFile(file, LEAKY)
  const args = ['--test', '--import=./test/support/end-with-tests.ts', '--test-reporter=spec', file]
  const run = startProcess(args, { TEST_GRACE_MS: '100' })
  assert.equal((await run.ended).code, 1)
  assert.match(run.output(), /Still open after the tests: .*TCPServerWrap/)
  assert.match(run.output(), /✔ passes, and leaves a server/)
})
