import assert from 'node:assert/strict'
import { test } from 'node:test'
import { skipWithoutPostgres } from '../support/postgres.ts'
import { startProcess } from '../support/processes.ts'
import { assertEachOnce, assertInOrder, pushAll, startRoleProcesses, WORKERS } from '../support/role-processes.ts'

const JOBS = 200
const skip = skipWithoutPostgres
const roles = skip ? undefined : await startRoleProcesses()

test('a process per role: 200 recordings complete, each stream in order and to its end', { skip }, async () => {
  const sequences = await pushAll(roles!, JOBS)
  assert.equal(sequences.length, JOBS)
  assertInOrder(sequences)
  await assertEachOnce(roles!.databaseUrl, JOBS)
})

test('each role stops by SIGTERM with exit code 0', { skip }, async () => {
  for (const role of WORKERS) {
    assert.deepEqual(await roles?.running.get(role)?.kill('SIGTERM'), { code: 0, signal: null }, role)
  }
})

test('a single role refuses the embedded defaults with a sentence', async () => {
  const worker = startProcess(['workers/forward.ts'], { DATA_DIR: '/nonexistent' })
  assert.deepEqual(await worker.ended, { code: 1, signal: null })
  assert.match(worker.output(), /DATABASE_URL and REDIS_URL/)
})
