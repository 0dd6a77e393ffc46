import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { ROOT, startProcess, type TestProcess } from '../support/processes.ts'

const run = promisify(execFile)
const dataDir = mkdtempSync(join(tmpdir(), 'tonewire-test-'))
after(() => rmSync(dataDir, { recursive: true, force: true }))
const env = { PORT: '0', DATA_DIR: dataDir, LOG_LEVEL: 'warn' }

async function start(): Promise<{ system: TestProcess; url: string; key: string }> {
  const system = startProcess(['src/server.ts'], env)
  const url = /http\S+/.exec(await system.waitForLine(/Tonewire is running/))?.[0] ?? ''
  const key = /key: +(\S+)/.exec(await system.waitForLine(/Development key/))?.[1] ?? ''
  return { system, url, key }
}

/** Runs a command line as a person would paste it, in the repository. */
async function paste(line: string): Promise<string> {
  return (await run('sh', ['-c', `${line} -sS`], { cwd: ROOT })).stdout
}

test('what npm start prints can be pasted, and a restart keeps jobs, results and the key', async () => {
  const first = await start()
  const commands = first.system
    .output()
    .split('\n')
    .filter((line) => line.trim().startsWith('curl'))
  assert.equal(commands.length, 2)
  const job = JSON.parse(await paste(commands[0] ?? '')) as { job_id: string }
  const stream = await paste((commands[1] ?? '').replace('JOB_ID', job.job_id))
  assert.match(stream, /event: (completed|snapshot)\n.*\ndata: .*"status":"completed"/)
  const result = await paste(`curl -H "Authorization: Bearer ${first.key}" ${first.url}/v1/jobs/${job.job_id}/result`)
  assert.deepEqual(await first.system.kill('SIGTERM'), { code: 0, signal: null }, first.system.output())

  const second = await start()
  assert.equal(second.key, first.key)
  const kept = await paste(`curl -H "Authorization: Bearer ${second.key}" ${second.url}/v1/jobs/${job.job_id}/result`)
  assert.equal(kept, result)
  const intruder = startProcess(['src/server.ts'], env)
  assert.deepEqual(await intruder.ended, { code: 1, signal: null })
  assert.match(intruder.output(), new RegExp(`in use by process ${second.system.pid}`))
  await second.system.kill('SIGTERM')
})

test('a wrong environment stops the start with every problem listed', async () => {
  const system = startProcess(['src/server.ts'], { ...env, PORT: 'x', MAX_DURATION_S: '-1' })
  assert.deepEqual(await system.ended, { code: 1, signal: null })
  assert.match(system.output(), /PORT: .*\n.*MAX_DURATION_S: /)
})
