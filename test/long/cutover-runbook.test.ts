/** docs/cutover.md: its commands, as they stand there and in their order, against a deployment with both routes. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { skipWithoutPostgres } from '../support/postgres.ts'
import { ROOT } from '../support/processes.ts'
import { startRoleProcesses } from '../support/role-processes.ts'
import { TEST_KEY } from '../support/system.ts'

const run = promisify(execFile)
const RUNBOOK = readFileSync(join(ROOT, 'docs/cutover.md'), 'utf8')
const BLOCKS = [...RUNBOOK.matchAll(/```sh\n(.*?)```/gs)].map(([, commands = '']) => commands)
const ADMIN_KEY = 'key-of-the-operator'
/** The percentage after each block that sets one. */
const EXPECTED = [0, 0, 10, 10, 0, 100]

interface Flag {
  readonly percent: number
  readonly allow: readonly string[]
  readonly guard: object | null
}

describe('the runbook', { skip: skipWithoutPostgres }, () => {
  test('each of its commands does what the page says of it', { timeout: 600_000 }, async () => {
    const env = { BOOTSTRAP_API_KEYS: `acme=${TEST_KEY},ops=${ADMIN_KEY}:admin`, USE_QUEUE_SYSTEM: 'false' }
    const system = await startRoleProcesses({ direct: true, env })
    const url = system.urls[0] ?? ''
    const operator = { ...process.env, ...system.env, TONEWIRE_URL: url, TONEWIRE_KEY: ADMIN_KEY }
    const readFlag = async (): Promise<Flag> => {
      const headers = { authorization: `Bearer ${ADMIN_KEY}` }
      return (await (await fetch(`${url}/v1/admin/cutover`, { headers })).json()) as Flag
    }
    const reached: number[] = []
    for (const commands of BLOCKS) {
      const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', commands], { cwd: ROOT, env: operator })
      const flag = await readFlag()
      if (/cutover -- set/.test(commands)) {
        reached.push(flag.percent)
        assert.equal(flag.guard !== null, commands.includes('--steps'))
      }
      if (commands.includes('--allow acme')) assert.deepEqual(flag.allow, ['acme'])
      if (commands.includes('--allow ""')) assert.deepEqual(flag.allow, [])
      if (/cutover -- get/.test(commands)) assert.match(stdout, /of owners take the queue.*queue +\d+ jobs/s)
      if (/cutover -- history/.test(commands)) assert.match(stdout, /100 %.*four fifths.*first owners/s)
    }
    assert.deepEqual(reached, EXPECTED)
  })
})
