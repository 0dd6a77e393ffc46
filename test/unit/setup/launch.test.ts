import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { createSetupSandbox } from '../../support/setup-sandbox.ts'

const ENTRY = 'scripts/entry.ts'

describe('launch', () => {
  test('says nothing when nothing is missing, and passes arguments, folder and exit code', async () => {
    const sandbox = createSetupSandbox()
    await sandbox.launch([ENTRY])
    const { code, stdout, stderr } = await sandbox.launch([ENTRY, 'a b', '--with'], { EXIT: '3' }, tmpdir())
    assert.deepEqual([code, stderr], [3, ''])
    assert.deepEqual(JSON.parse(stdout), { args: ['a b', '--with'], cwd: tmpdir(), main: true })
    assert.equal(sandbox.npmCalls().length, 1)
  })

  test('answers a wrong command line with its usage', async () => {
    const sandbox = createSetupSandbox()
    for (const args of [[], ['--with', 'sendmail', ENTRY], ['--unknown', ENTRY]]) {
      const { code, stderr } = await sandbox.launch(args)
      assert.equal(code, 1)
      assert.match(stderr, /^set-up: usage: /)
    }
  })
})

describe('packages', () => {
  test('are installed from the lockfile when there are none', async () => {
    const sandbox = createSetupSandbox()
    const { code, stderr } = await sandbox.launch([ENTRY])
    assert.equal(code, 0)
    assert.equal(stderr, 'set-up: node_modules is missing: installing packages (npm ci)\n')
    assert.match(sandbox.npmCalls().join(), /^ci --prefix .* --ignore-scripts/)
    assert.deepEqual(readdirSync(join(sandbox.root, '.tools')), [])
  })

  test('are installed again when an installation was broken off', async () => {
    const sandbox = createSetupSandbox()
    mkdirSync(join(sandbox.root, 'node_modules/one'), { recursive: true })
    const { stderr } = await sandbox.launch([ENTRY])
    assert.match(stderr, /half installed/)
    assert.ok(existsSync(join(sandbox.root, 'node_modules/one/package.json')))
  })

  test('are installed again when the lockfile changed or a folder is gone', async () => {
    const sandbox = createSetupSandbox()
    await sandbox.launch([ENTRY])
    sandbox.lock({ 'node_modules/one': { version: '1.0.1' } })
    assert.match((await sandbox.launch([ENTRY])).stderr, /out of date/)
    sandbox.lock({ 'node_modules/one': { version: '1.0.1' }, 'node_modules/two': { version: '1.0.0' } })
    assert.match((await sandbox.launch([ENTRY])).stderr, /node_modules\/two is missing/)
    rmSync(join(sandbox.root, 'node_modules/two'), { recursive: true })
    assert.match((await sandbox.launch([ENTRY])).stderr, /node_modules\/two is missing/)
    assert.equal((await sandbox.launch([ENTRY])).stderr, '')
  })

  test('of a production installation made by hand are accepted as they are', async () => {
    const sandbox = createSetupSandbox()
    mkdirSync(join(sandbox.root, 'node_modules/one'), { recursive: true })
    sandbox.write('node_modules/one/package.json', '{}')
    sandbox.write(
      'node_modules/.package-lock.json',
      JSON.stringify({ packages: { 'node_modules/one': { version: '1.0.0' } } }),
    )
    assert.deepEqual([(await sandbox.launch([ENTRY])).stderr, sandbox.npmCalls()], ['', []])
  })

  test('that cannot be installed end the set-up with what npm said and what to do, and leave the old ones', async () => {
    const sandbox = createSetupSandbox()
    await sandbox.launch([ENTRY])
    sandbox.lock({ 'node_modules/one': { version: '1.0.1' } })
    const { code, stdout, stderr } = await sandbox.launch([ENTRY], { NPM_FAILS: 'ENOTFOUND' })
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, /npm error code ENOTFOUND(.|\n)*run the same command again/)
    assert.ok(existsSync(join(sandbox.root, 'node_modules/one/package.json')))
    assert.deepEqual(readdirSync(join(sandbox.root, '.tools')), [])
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`an installation interrupted by ${signal} says so, leaves nothing half done and is made up for`, async () => {
      const sandbox = createSetupSandbox()
      const child = sandbox.start([ENTRY], { NPM_HANGS: '1' })
      const [line] = await once(child.stderr, 'data')
      assert.match(String(line), /installing/)
      while (sandbox.npmCalls().length === 0) await new Promise(setImmediate)
      const rest = once(child.stderr, 'data')
      child.kill(signal)
      assert.match(String(await rest), /interrupted while installing packages. Run the same command again/)
      assert.deepEqual(await once(child, 'exit'), [1, null])
      assert.equal(existsSync(join(sandbox.root, 'node_modules')), false)
      assert.equal((await sandbox.launch([ENTRY])).code, 0)
    })
  }

  test('a killed installation is made up for, and its leftovers go', async () => {
    const sandbox = createSetupSandbox()
    const child = sandbox.start([ENTRY], { NPM_HANGS: '1' })
    while (sandbox.npmCalls().length === 0) await new Promise(setImmediate)
    child.kill('SIGKILL')
    await once(child, 'exit')
    assert.equal(readdirSync(join(sandbox.root, '.tools')).length, 1)
    assert.equal((await sandbox.launch([ENTRY])).code, 0)
    assert.deepEqual(readdirSync(join(sandbox.root, '.tools')), [])
  })

  test('launches at the same time do not disturb one another', async () => {
    const sandbox = createSetupSandbox()
    const launches = await Promise.all(Array.from({ length: 4 }, () => sandbox.launch([ENTRY])))
    assert.deepEqual(
      launches.map(({ code }) => code),
      [0, 0, 0, 0],
      launches.map(({ stderr }) => stderr).join(''),
    )
    assert.deepEqual([(await sandbox.launch([ENTRY])).stderr, readdirSync(join(sandbox.root, '.tools'))], ['', []])
  })

  test('without npm there is a sentence', async () => {
    const sandbox = createSetupSandbox()
    const { code, stderr } = await sandbox.launch([ENTRY], { npm_execpath: join(sandbox.root, 'no-npm') })
    // This Node may have an npm beside it; then that one is taken, and it finds no packages of these names.
    assert.equal(code, 1)
    assert.match(stderr, /npm is missing|installing packages failed/)
  })
})

describe("the project's Node", () => {
  const [platform, arch] = [process.platform, process.arch]
  const home = (root: string) => join(root, '.tools', `node-${platform}-${arch}-24.21.0`)

  const ways = [
    ['takes the place of the running one', {}],
    [
      'runs as a child of a Node without execve',
      { NODE_OPTIONS: '--import=data:text/javascript,process.execve=undefined' },
    ],
  ] as const
  for (const [title, way] of ways) {
    test(`kept in .tools is used when the running one is too old: it ${title}, and the entry gets its signals`, async () => {
      const sandbox = createSetupSandbox('>=99.0.0')
      mkdirSync(join(home(sandbox.root), 'bin'), { recursive: true })
      symlinkSync(process.execPath, join(home(sandbox.root), 'bin/node'))
      assert.equal((await sandbox.launch([ENTRY], { ...way, EXIT: '3' })).code, 3)
      const child = sandbox.start([ENTRY], { ...way, WAIT: '1' })
      const [line] = await once(child.stdout, 'data')
      assert.equal(JSON.parse(String(line)).main, true)
      child.kill('SIGTERM')
      assert.deepEqual(await once(child, 'exit'), [7, null])
    })
  }

  test('is installed beside the project, pinned by its content, when it is missing', async (t) => {
    if (platform !== 'linux') return t.skip('only for Linux')
    const sandbox = createSetupSandbox('>=99.0.0')
    const { code, stderr } = await sandbox.launch([ENTRY])
    // What stands in for npm installs an empty package, which cannot run: that must not be taken for a Node.
    assert.equal(code, 1)
    assert.match(stderr, /older than this project's(.|\n)*does not run on this system/)
    assert.equal(existsSync(home(sandbox.root)), false)
  })
})

describe('system tools', () => {
  test('a Redis on PATH, a Valkey or REDIS_URL is enough', async () => {
    const sandbox = createSetupSandbox()
    await sandbox.launch([ENTRY])
    const args = ['--with', 'redis', ENTRY]
    assert.equal((await sandbox.launch(args)).code, 1)
    assert.deepEqual((await sandbox.launch(args, { REDIS_URL: 'redis://127.0.0.1:1' })).stderr, '')
    sandbox.addProgram('valkey-server', 'exit 0')
    assert.deepEqual((await sandbox.launch(args)).stderr, '')
  })

  test('without any way to a Redis the start ends with what to do', async () => {
    const sandbox = createSetupSandbox()
    await sandbox.launch([ENTRY])
    const { code, stdout, stderr } = await sandbox.launch(['--with', 'redis', ENTRY])
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(
      stderr,
      /^set-up: Redis is missing\. To go on, install Redis .*REDIS_URL\nand run the same command again/,
    )
  })

  test('what the package manager may not install is told as the one command to run', async () => {
    const sandbox = createSetupSandbox()
    await sandbox.launch([ENTRY])
    sandbox.addProgram('apt-get', 'echo "E: no network"; exit 100')
    const { code, stderr } = await sandbox.launch(['--with', 'redis', ENTRY])
    assert.equal(code, 1)
    assert.match(stderr, /\n {4}(sudo )?apt-get install -y redis-server\nand run the same command again/)
  })

  test('a missing ffmpeg is only told, and not at all when quiet', async () => {
    const sandbox = createSetupSandbox()
    await sandbox.launch([ENTRY])
    const { code, stderr } = await sandbox.launch(['--with', 'ffmpeg', ENTRY])
    assert.equal(code, 0)
    assert.match(stderr, /ffmpeg is missing: only WAV is decoded/)
    assert.equal((await sandbox.launch(['--with', 'ffmpeg', '--quiet', ENTRY])).stderr, '')
  })

  test('Docker with the image stands in for a missing Redis', async () => {
    const sandbox = createSetupSandbox()
    await sandbox.launch([ENTRY])
    sandbox.addProgram('docker', 'exit 0')
    const { code, stderr } = await sandbox.launch(['--with', 'redis', ENTRY])
    assert.deepEqual([code, stderr], [0, ''])
  })
})
