/**
 * Every command of the README, by what runs it. A command that is new there fails here until something runs it.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { ROOT, startProcess } from '../support/processes.ts'

const run = promisify(execFile)
const README = readFileSync(join(ROOT, 'README.md'), 'utf8')
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }

/** Where each command is run for real. */
const RUN_BY: Readonly<Record<string, string>> = {
  'npm run demo': 'test/long/demo.test.ts',
  'npm start': 'test/long/start.test.ts',
  'npm run analyse': 'here',
  'npm run migrate': 'test/support/role-processes.ts',
  'npm run provision': 'test/support/role-processes.ts',
  'npm run doctor': 'test/long/doctor.test.ts',
  'npm run api': 'test/support/role-processes.ts',
  'npm run worker:forward': 'test/support/role-processes.ts',
  'npm run worker:analyse': 'test/support/role-processes.ts',
  'npm run worker:record': 'test/support/role-processes.ts',
  'npm run worker:reconcile': 'test/support/role-processes.ts',
  'npm run analysis-server': 'test/long/analysis-server.test.ts',
  'npm run keys': 'test/long/keys-command.test.ts',
  'npm run jobs': 'test/long/timeline.test.ts',
  'npm run cutover': 'test/long/cutover.test.ts',
  'npm run dead-letters': 'test/long/dead-letters.test.ts',
  'npm test': 'here',
  'npm run check': '.ci/run',
  'npm run test:long': '.ci/run',
  'npm run chaos': '.ci/run',
  'docker-compose up --build': 'test/e2e/compose.test.ts',
}

const commandsIn = (text: string): string[] => [
  ...new Set(
    [...text.matchAll(/npm (?:run [a-z:-]+|start|test)|docker-compose up --build/g)].map(([command]) => command),
  ),
]

/** The file an npm script runs, with its arguments. */
function targetOf(command: string): string {
  const name = command.replace(/^npm (run )?/, '')
  const script = scripts[name] ?? ''
  return script.replace(/^node scripts\/launch\.mjs( --(with|node) \S+| --quiet)*/, '').trim()
}

test('every command of the README exists, and is run by a test that runs the same file', () => {
  const commands = commandsIn(README)
  assert.ok(commands.length >= 12)
  for (const command of commands) {
    const place = RUN_BY[command]
    assert.ok(place !== undefined, `nothing runs "${command}"`)
    if (!command.startsWith('npm') || place === 'here') continue
    const source = readFileSync(join(ROOT, place), 'utf8')
    const [target = ''] = targetOf(command).split(' ')
    assert.notEqual(target, '', command)
    const worker = target.replace(/workers\/[\w-]+\.ts/, 'workers/${name}.ts')
    assert.ok(
      [command, target, worker].some((text) => source.includes(text)),
      `${place} does not run ${target}`,
    )
  }
})

test('the file that its examples upload is there', () => {
  for (const [file] of README.matchAll(/examples\/[\w./-]+/g))
    assert.ok(readFileSync(join(ROOT, file)).length > 0, file)
})

test('its npm lines work as they stand', async () => {
  const [line] = /npm run analyse -- [^`]+/.exec(README) ?? []
  const { stdout } = await run('sh', ['-c', `${line}`], { cwd: ROOT })
  const [, head, ...rows] = stdout.slice(stdout.indexOf('time_s') - 1).split('\n')
  assert.ok(stdout.includes('time_s,f0_hz,intensity_db'), stdout.slice(0, 300))
  assert.ok(head !== undefined && rows.length > 100)
  const tests = startProcess(['scripts/launch.mjs', 'scripts/test.ts', 'test/unit/domain/ids.test.ts'])
  assert.deepEqual(await tests.ended, { code: 0, signal: null }, tests.output())
  assert.match(tests.output(), /pass 2/)
})

test('its curl lines are the ones that npm start prints', () => {
  const printed = readFileSync(join(ROOT, 'src/server.ts'), 'utf8')
  const lines = [...README.matchAll(/^curl .*$/gm)].map(([line]) => line)
  assert.equal(lines.length, 3)
  for (const line of lines.slice(0, 2)) {
    const shape = line.replace('$KEY', '${key}').replace('http://127.0.0.1:3000', '${url}').replace('$JOB_ID', 'JOB_ID')
    assert.ok(printed.includes(shape), shape)
  }
})
