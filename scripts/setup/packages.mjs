/** node_modules as package-lock.json says. */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { installAside } from './npm.mjs'
import { say, setupError } from './run.mjs'

/**
 * Installs the packages unless they are there. npm lists what it installed in node_modules/.package-lock.json, as its
 * last act; a folder without that list is half an installation. The list is compared with package-lock.json itself,
 * so an installation made by hand, in an image, or without development packages is accepted as it is.
 */
export async function ensurePackages(root, node) {
  const fault = findFault(root)
  if (fault === undefined) return
  say(`${fault}: installing packages (npm ci)`)
  await installAside(root, {
    node,
    doing: 'installing packages',
    prepare: (folder) => {
      for (const name of ['package.json', 'package-lock.json', '.npmrc']) {
        if (existsSync(join(root, name))) copyFileSync(join(root, name), join(folder, name))
      }
    },
    take: (folder) => takeOver(root, join(folder, 'node_modules')),
  })
  const left = findFault(root)
  if (left !== undefined) throw setupError(`after npm ci ${left}. Run "npm ci" by hand and read what it says.`)
}

/** What is wrong with node_modules, in words; undefined when nothing is. */
function findFault(root) {
  const wanted = readPackages(join(root, 'package-lock.json'))
  const folder = join(root, 'node_modules')
  if (wanted === undefined) throw setupError('package-lock.json is missing or unreadable. Check it out again.')
  if (!existsSync(folder)) return 'node_modules is missing'
  const installed = readPackages(join(folder, '.package-lock.json'))
  if (installed === undefined) return 'node_modules is half installed'
  for (const [place, entry] of Object.entries(installed)) {
    const { version, integrity } = wanted[place] ?? {}
    if (version !== entry.version || integrity !== entry.integrity) return 'node_modules is out of date'
    if (!existsSync(join(root, place, 'package.json'))) return `${place} is missing`
  }
  const missing = Object.entries(wanted).find(([place, entry]) => place !== '' && !installed[place] && isNeeded(entry))
  return missing && `${missing[0]} is missing`
}

/** Development packages are left out of a production installation, optional ones on other platforms. */
function isNeeded({ dev, optional, devOptional, peer }) {
  return !(dev || optional || devOptional || peer)
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch {
    return undefined
  }
}

/** Swaps the folders, unless another launch was first: its processes may be reading theirs by now. */
function takeOver(root, fresh) {
  if (findFault(root) === undefined) return
  const target = join(root, 'node_modules')
  const old = mkdtempSync(join(root, '.tools', `old-${process.pid}-`))
  try {
    if (existsSync(target)) renameSync(target, join(old, 'node_modules'))
    renameSync(fresh, target)
  } catch (error) {
    // Another launch swapped at this very moment: its folder is as good as ours, and findFault looks once more.
    if (error.code !== 'ENOENT' && error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') {
      throw setupError(`node_modules cannot be replaced (${error.message}). Run "npm ci" by hand.`)
    }
  } finally {
    rmSync(old, { recursive: true, force: true })
  }
}
