import { spawn } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { ROOT } from './processes.ts'

/** What stands in for npm: `ci` installs the locked packages the way npm does, its list of them last, and counts. */
const NPM = `
const { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const folder = process.argv[process.argv.indexOf('--prefix') + 1]
appendFileSync(process.env.NPM_LOG, process.argv.slice(2).join(' ') + '\\n')
if (process.env.NPM_FAILS) { console.error('npm error code ' + process.env.NPM_FAILS); process.exit(1) }
const { packages } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'))
for (const place of Object.keys(packages)) {
  mkdirSync(join(folder, place), { recursive: true })
  if (place !== '') writeFileSync(join(folder, place, 'package.json'), '{}')
}
if (process.env.NPM_HANGS) setInterval(() => console.log('hanging'), 100)
else {
  delete packages['']
  writeFileSync(join(folder, 'node_modules/.package-lock.json'), JSON.stringify({ packages }))
}`

const ENTRY = `if (process.env.WAIT) { process.on('SIGTERM', () => process.exit(7)); setInterval(() => {}, 1000) }
else process.exitCode = Number(process.env.EXIT ?? 0)
console.log(JSON.stringify({ args: process.argv.slice(2), cwd: process.cwd(), main: import.meta.main }))`

export interface Launched {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A small project with the real scripts/launch.mjs, on a machine with a Node and a PATH of our choosing. */
export function createSetupSandbox(engines = '>=24.0.0') {
  const root = mkdtempSync(join(tmpdir(), 'set-up-'))
  after(() => rmSync(root, { recursive: true, force: true }))
  const bin = join(root, 'bin')
  const npmLog = join(root, 'npm.log')
  mkdirSync(bin)
  cpSync(join(ROOT, 'scripts/launch.mjs'), join(root, 'scripts/launch.mjs'))
  cpSync(join(ROOT, 'scripts/setup'), join(root, 'scripts/setup'), { recursive: true })
  const write = (path: string, text: string) => writeFileSync(join(root, path), text)
  write('package.json', JSON.stringify({ type: 'module', engines: { node: engines } }))
  write('npm-cli.cjs', NPM)
  write('scripts/entry.ts', ENTRY)
  symlinkSync('/bin/sh', join(bin, 'sh'))
  const lock = (packages: object) => write('package-lock.json', JSON.stringify({ packages: { '': {}, ...packages } }))
  lock({ 'node_modules/one': { version: '1.0.0' }, 'node_modules/tool': { version: '2.0.0', dev: true } })

  const baseEnv = { PATH: bin, NPM_LOG: npmLog, npm_execpath: join(root, 'npm-cli.cjs') }
  const start = (args: readonly string[], env: Record<string, string> = {}, cwd = root) =>
    spawn(process.execPath, [join(root, 'scripts/launch.mjs'), ...args], { cwd, env: { ...baseEnv, ...env } })

  return {
    root,
    write,
    lock,
    start,
    /** Puts a program on PATH. */
    addProgram(name: string, script: string) {
      writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`)
      chmodSync(join(bin, name), 0o755)
    },
    /** The calls of npm so far. */
    npmCalls: () => (existsSync(npmLog) ? readFileSync(npmLog, 'utf8').trim().split('\n') : []),
    launch(args: readonly string[], env: Record<string, string> = {}, cwd = root): Promise<Launched> {
      const child = start(args, env, cwd)
      let [stdout, stderr] = ['', '']
      child.stdout.on('data', (chunk) => {
        stdout += chunk
      })
      child.stderr.on('data', (chunk) => {
        stderr += chunk
      })
      return new Promise((resolve, reject) => {
        child.once('error', reject)
        child.once('close', (code) => resolve({ code, stdout, stderr }))
      })
    },
  }
}
