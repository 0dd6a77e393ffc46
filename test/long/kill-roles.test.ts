import assert from 'node:assert/strict'
import { test } from 'node:test'
import { skipWithoutPostgres } from '../support/postgres.ts'
import { assertEachOnce, assertInOrder, pushAll, startRoleProcesses } from '../support/role-processes.ts'

const JOBS = 200
const skip = skipWithoutPostgres
const roles = skip ? undefined : await startRoleProcesses()

test('kill -9 of forwarder, analyser and recorder amid 200 recordings loses and repeats nothing', {
  skip,
}, async () => {
  const kills = new Map([
    [30, 'forward'],
    [80, 'analyse'],
    [130, 'record'],
  ] as const)
  const restarts: Promise<void>[] = []
  const sequences = await pushAll(roles!, JOBS, (ended) => {
    const role = kills.get(ended as 30)
    if (role !== undefined) restarts.push(restart(role))
  })
  await Promise.all(restarts)
  assert.equal(restarts.length, 3)
  assert.equal(sequences.length, JOBS)
  assertInOrder(sequences)
  await assertEachOnce(roles!.databaseUrl, JOBS)
})

async function restart(role: string): Promise<void> {
  assert.equal((await roles?.running.get(role)?.kill('SIGKILL'))?.signal, 'SIGKILL')
  await roles?.start(role)
}
