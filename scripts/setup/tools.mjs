/** The system's tools: found, or installed by the system's package manager, or one sentence with what to do. */
import { existsSync, readdirSync } from 'node:fs'
import { findCommand, run, say, setupError, tail } from './run.mjs'
import { findPackageManager, installPackage } from './system-packages.mjs'

/** `needed` ends the set-up when the tool cannot be had; the others say what is missing without them. */
const TOOLS = {
  redis: {
    title: 'Redis',
    needed: true,
    isThere: () =>
      process.env.REDIS_URL !== undefined ||
      findCommand('redis-server') !== undefined ||
      findCommand('valkey-server') !== undefined,
    instead: takeRedisImage,
    by: 'install Redis 6.2 or newer, or Docker, or set REDIS_URL',
  },
  ffmpeg: {
    title: 'ffmpeg',
    isThere: () => findCommand('ffmpeg') !== undefined,
    without: 'only WAV is decoded',
    by: 'install ffmpeg',
  },
  postgresql: {
    title: 'PostgreSQL',
    isThere: () => findCommand('initdb') !== undefined || hasDebianPostgres(),
    without: 'tests that need a real PostgreSQL are skipped',
    by: 'install PostgreSQL 15 or newer',
  },
  praat: {
    title: 'Praat',
    isThere: () => findCommand('praat') !== undefined,
    without: 'comparisons with Praat are skipped',
    by: 'install Praat',
  },
  chromium: {
    title: 'Chromium',
    isThere: () => ['chromium', 'chromium-browser', 'google-chrome'].some((name) => findCommand(name) !== undefined),
    without: 'tests in a real browser are skipped',
    by: 'install Chromium',
  },
  nginx: {
    title: 'nginx',
    isThere: () => findCommand('nginx') !== undefined,
    without: 'the test behind nginx is skipped',
    by: 'install nginx',
  },
  python: {
    title: 'Python',
    isThere: () => findCommand('python3') !== undefined,
    without: 'the test with a worker in Python is skipped',
    by: 'install Python 3',
  },
  curl: {
    title: 'curl',
    isThere: () => findCommand('curl') !== undefined,
    without: 'tests of the printed commands cannot run',
    by: 'install curl',
  },
}

export function isTool(name) {
  return Object.hasOwn(TOOLS, name)
}

/** Sees to one tool; throws a sentence when a needed one cannot be had. `quiet` keeps the warnings back. */
export async function ensureTool(name, { quiet = false } = {}) {
  const tool = TOOLS[name]
  if (tool.isThere()) return
  const manager = findPackageManager(name)
  const tried = manager && (await tryToInstall(name, tool, manager))
  if (tried?.ok && tool.isThere()) return
  if (await tool.instead?.()) return
  const reason = tried && !tried.ok ? ` ${manager.name} said:\n${tail(tried.output)}\n` : ' '
  const mend = manager ? `install it with\n    ${manager.byHand}` : tool.by
  if (tool.needed)
    throw setupError(`${tool.title} is missing.${reason}To go on, ${mend}\nand run the same command again.`)
  if (!quiet) say(`${tool.title} is missing: ${tool.without}.${reason}To change that, ${mend}`)
}

async function tryToInstall(name, tool, manager) {
  if (!(await manager.mayInstall())) return undefined
  say(`${tool.title} is missing: installing it with ${manager.name}`)
  return installPackage(manager, name)
}

/** True when Docker can run a Redis instead; `startRedisServer` then does. */
async function takeRedisImage() {
  if (findCommand('docker') === undefined) return false
  const image = process.env.REDIS_IMAGE ?? 'redis:7.2-bookworm'
  if ((await run('docker', ['image', 'inspect', image], { timeoutS: 20, doing: 'asking Docker' })).ok) return true
  if (!(await run('docker', ['info'], { timeoutS: 20, doing: 'asking Docker' })).ok) return false
  say(`Redis is missing: pulling the image ${image}`)
  return (await run('docker', ['pull', image], { doing: `pulling ${image}` })).ok
}

function hasDebianPostgres(folder = '/usr/lib/postgresql') {
  return existsSync(folder) && readdirSync(folder).some((version) => existsSync(`${folder}/${version}/bin/initdb`))
}
