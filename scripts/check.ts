/** `npm run check`: what must hold before anything is pushed. Stops at the first step that fails, with its output. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

interface Step {
  readonly title: string
  /** Arguments of this Node: a script and what it is told. */
  readonly args: readonly string[]
}

const STEPS: readonly Step[] = [
  { title: 'format and lint', args: ['node_modules/@biomejs/biome/bin/biome', 'ci', '--colors=off', '.'] },
  { title: 'types', args: ['node_modules/typescript/bin/tsc'] },
  { title: 'generated documents', args: ['scripts/docs.ts', '--check'] },
  { title: 'audit of dependencies', args: ['scripts/audit.ts'] },
  { title: 'architecture and unit tests', args: ['--test', '--test-reporter=dot', 'test/unit/**/*.test.ts'] },
]
const STEP_TIMEOUT_MS = 300_000

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
process.exit(await main())

async function main(): Promise<number> {
  for (const step of STEPS) {
    const startedAt = performance.now()
    const { ok, output } = await run(step)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    console.log(`${ok ? '✔' : '✖'} ${step.title} (${seconds} s)`)
    if (ok) continue
    console.log(output)
    return 1
  }
  return 0
}

function run({ args }: Step): Promise<{ ok: boolean; output: string }> {
  const [script = ''] = args
  if (script.startsWith('node_modules/') && !existsSync(script)) {
    return Promise.resolve({ ok: false, output: `${script} is missing: run "npm ci" (without --omit=dev) first.` })
  }
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: STEP_TIMEOUT_MS })
    let output = ''
    const collect = (chunk: Buffer) => {
      output += chunk
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.once('error', (error) => resolve({ ok: false, output: error.message }))
    child.once('close', (code, signal) => {
      resolve({ ok: code === 0, output: signal === null ? output : `${output}\nended with ${signal}` })
    })
  })
}
