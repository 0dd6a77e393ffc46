/**
 * Runs one entry of the project on a machine that may have nothing but an old Node and npm:
 *
 *     node scripts/launch.mjs [--with redis,ffmpeg] [--quiet] [--node <option of Node>] <entry> [args…]
 *
 * It sees to the project's Node, its packages and the named system tools, each only when missing, then runs the entry.
 * Plain JavaScript without dependencies, because the Node that starts it may be older than the project's.
 * What it does goes to stderr, a line per step; nothing is said when nothing is missing. `--quiet` keeps warnings back.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { delimiter, dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureNode } from './setup/node.mjs'
import { ensurePackages } from './setup/packages.mjs'
import { isSetupError, say } from './setup/run.mjs'
import { ensureTool, isTool } from './setup/tools.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

function parseArguments(argv) {
  const options = { tools: [], quiet: false, nodeOptions: [], entry: undefined, args: [] }
  const rest = [...argv]
  while (rest[0]?.startsWith('--')) {
    const flag = rest.shift()
    if (flag === '--quiet') options.quiet = true
    else if (flag === '--node') options.nodeOptions.push(rest.shift() ?? '')
    else if (flag === '--with') options.tools = (rest.shift() ?? '').split(',').filter(Boolean)
    else return undefined
  }
  options.entry = rest.shift()
  options.args = rest
  return options.entry === undefined || !options.tools.every(isTool) ? undefined : options
}

async function setUp({ tools, quiet }) {
  const node = await ensureNode(root)
  await ensurePackages(root, node)
  for (const tool of tools) await ensureTool(tool, { quiet })
  return node
}

/** Becomes the entry, in this very process where Node can; else runs it as a child that gets the signals sent here. */
function start(node, argv) {
  const env = { ...process.env, PATH: dirname(node) + delimiter + process.env.PATH }
  if (typeof process.execve === 'function' && process.platform !== 'win32') {
    process.removeAllListeners('warning').on('warning', () => {}) // that execve is new is nothing to tell
    process.execve(node, [node, ...argv], env)
  }
  const child = spawn(node, argv, { stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    // A terminal sends its Ctrl-C to the child itself; passing it on would make two of it.
    process.on(signal, () => (signal === 'SIGINT' && process.stdin.isTTY) || child.kill(signal))
  }
  child.on('error', (error) => {
    say(`${node} cannot be started: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
}

const options = parseArguments(process.argv.slice(2))
if (options === undefined) {
  say('usage: node scripts/launch.mjs [--with redis,ffmpeg] [--quiet] [--node <option>] <entry> [args…]')
  process.exit(1)
}
const node = await setUp(options).catch((error) => {
  if (!isSetupError(error)) throw error
  say(error.message)
  process.exit(1)
})
start(node, [...options.nodeOptions, resolve(root, options.entry), ...options.args])
