/** npm, run so that an installation is complete or not there at all. */
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { basename, delimiter, dirname, join } from 'node:path'
import { findCommand, run, setupError, tail } from './run.mjs'

/**
 * Runs `npm ci` in a folder of its own under `.tools/` and hands that folder to `take`, which moves out what it needs.
 * The folder is removed in every case; those that a killed set-up left behind are removed first.
 *
 * @param node the Node that npm runs on: it decides which releases and optional packages fit
 * @param prepare fills the folder with package.json and package-lock.json
 */
export async function installAside(root, { node, doing, prepare, take, env = process.env }) {
  const tools = join(root, '.tools')
  mkdirSync(tools, { recursive: true })
  removeLeftovers(tools)
  const folder = mkdtempSync(join(tools, `install-${process.pid}-`))
  try {
    prepare(folder)
    const npm = findNpm(node)
    const args = [...npm.args, 'ci', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund']
    const { ok, output } = await run(npm.command, args, { cwd: folder, env: cleanEnv(env, node), doing })
    if (!ok) {
      throw setupError(
        `${doing} failed. npm said:\n${tail(output)}\n` +
          'Check that the npm registry can be reached (npm ping), then run the same command again.',
      )
    }
    return take(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** npm as a program for the given Node, or as whatever `npm` on PATH is (a version manager's shim). */
function findNpm(node) {
  const beside = join(dirname(dirname(process.execPath)), 'lib/node_modules/npm/bin/npm-cli.js')
  for (const candidate of [process.env.npm_execpath, findCommand('npm'), beside]) {
    const file = candidate && resolveLink(candidate)
    if (file === undefined || !basename(file).startsWith('npm')) continue // pnpm and yarn set npm_execpath too
    return /\.[cm]?js$/.test(file) ? { command: node, args: [file] } : { command: file, args: [] }
  }
  throw setupError('npm is missing. Install Node.js with npm (Debian: apt-get install -y npm), then run this again.')
}

function resolveLink(file) {
  try {
    return realpathSync(file)
  } catch {
    return undefined
  }
}

/** `npm run` hands its own folders down in the environment; an npm inside it must not take them for its own. */
function cleanEnv(env, node) {
  const kept = Object.entries(env).filter(
    ([name]) => !/^npm_(config_(local_prefix|prefix)|package_|lifecycle_)/.test(name),
  )
  return { ...Object.fromEntries(kept), PATH: dirname(node) + delimiter + env.PATH }
}

function removeLeftovers(tools) {
  for (const name of readdirSync(tools)) {
    const pid = Number(/^(?:install|old)-(\d+)-/.exec(name)?.[1])
    if (pid > 0 && !isRunning(pid)) rmSync(join(tools, name), { recursive: true, force: true })
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
