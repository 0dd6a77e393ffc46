import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { findViolations, type HouseRules } from '../support/house.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string> | undefined>
const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, LockEntry> }
interface LockEntry {
  readonly license?: string
  readonly hasInstallScript?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const MAX_LINES = 250
const LONG_FILES: Readonly<Record<string, string>> = {
  'src/ports.ts': 'interfaces and their promises only: what everything stands on reads best in one place',
}

const PERMISSIVE = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  'PSF-2.0',
  'Unlicense',
])

/** Packages with an install script, and why they may have one; docs/decisions/dependencies.md says more. */
const INSTALL_SCRIPTS: Readonly<Record<string, string>> = {
  'node_modules/msgpackr-extract':
    'optional, and .npmrc ignores its script: ready-made binaries or plain JavaScript do',
  'node_modules/protobufjs': 'under @testcontainers/localstack, tests only; its script only warns of a version scheme',
  'node_modules/ssh2': 'under @testcontainers/localstack, tests only; without its script it is plain JavaScript',
  'node_modules/cpu-features': 'optional, for ssh2',
}

/** The lockfile has no licence of packages that name theirs in the old way (`licenses`): read in their manifests. */
const LICENCE_READ: Readonly<Record<string, string>> = {
  'node_modules/ssh2': 'MIT',
  'node_modules/cpu-features': 'MIT',
  'node_modules/buildcheck': 'MIT',
}

const rules: HouseRules = {
  dependencies: new Set(Object.keys(manifest.dependencies ?? {})),
  devDependencies: new Set(Object.keys(manifest.devDependencies ?? {})),
  longFiles: LONG_FILES,
  maxLines: MAX_LINES,
}

function filesUnder(...folders: string[]): string[] {
  const patterns = folders.map((folder) => `${folder}/**/*.{ts,mts,js,mjs}`)
  return globSync(patterns, { cwd: root, exclude: ['**/node_modules/**'] })
    .map((path) => path.replaceAll('\\', '/'))
    .sort()
}

test('every file keeps to its floor, its size and its form', () => {
  const sources = new Map(filesUnder('src', 'workers', 'infra', 'scripts').map((file) => [file, read(file)]))
  assert.ok(sources.size > 50, 'the walk found the sources')
  assert.deepEqual(findViolations(sources, rules), [])
})

test('no test file is too long', () => {
  const long = filesUnder('test').filter((file) => read(file).split('\n').length - 1 > MAX_LINES)
  assert.deepEqual(long, [])
})

test('every exception that is listed is still needed', () => {
  const short = Object.keys(LONG_FILES).filter((file) => read(file).split('\n').length - 1 <= MAX_LINES)
  const gone = Object.keys(INSTALL_SCRIPTS).filter((place) => !lock.packages[place]?.hasInstallScript)
  assert.deepEqual([...short, ...gone], [])
})

describe('the checker catches', () => {
  const house: Readonly<Record<string, string>> = {
    'src/ports.ts': 'export interface Ports {}\n',
    'src/domain/job.ts': 'export const job = 1\n',
    'src/storage/rows.ts': 'export const rows = 1\n',
    'src/queues/log.ts': 'export const log = 1\n',
    'src/services/use.ts': 'export const use = 1\n',
    'src/http/app.ts': 'export const app = 1\n',
    'src/roles.ts':
      "import { app } from './http/app.ts'\nimport { rows } from './storage/rows.ts'\nexport const roles = [app, rows]\n",
    'workers/forward.ts': "import { roles } from '../src/roles.ts'\nroles\n",
    'infra/topology.ts': 'export const TOPOLOGY = {}\n',
  }
  const check = (file: string, source: string) =>
    findViolations(new Map(Object.entries({ ...house, [file]: source })), rules)

  test('nothing in a house that is in order', () => {
    assert.deepEqual(
      check(
        'src/services/send.ts',
        "import type { Ports } from '../ports.ts'\nimport { TOPOLOGY } from '../../infra/topology.ts'\n",
      ),
      [],
    )
  })

  const planted: readonly [title: string, file: string, source: string, found: RegExp][] = [
    [
      'an import from a higher floor',
      'src/domain/x.ts',
      "import { use } from '../services/use.ts'",
      /floor 0 imports .*floor 3/,
    ],
    [
      'a type-only import from a higher floor',
      'src/domain/x.ts',
      "import type { Ports } from '../ports.ts'",
      /floor 0 imports/,
    ],
    ['an inline type import', 'src/domain/x.ts', "type P = import('../ports.ts').Ports", /floor 0 imports/],
    [
      'an import over several lines',
      'src/domain/x.ts',
      "import {\n  type Ports,\n} from '../ports.ts'",
      /x\.ts:1: floor 0/,
    ],
    [
      'a re-export from a higher floor',
      'src/domain/x.ts',
      "export { use } from '../services/use.ts'",
      /floor 0 imports/,
    ],
    ['a dynamic import from a higher floor', 'src/media/x.ts', "await import('../roles.ts')", /floor 2 imports/],
    ['a thread file of a higher floor', 'src/media/x.ts', "new URL('../roles.ts', import.meta.url)", /floor 2 imports/],
    [
      'one adapter that imports another',
      'src/storage/x.ts',
      "import { log } from '../queues/log.ts'",
      /never import one another/,
    ],
    ['an adapter in a service', 'src/services/x.ts', "import { rows } from '../storage/rows.ts'", /knows ports only/],
    ['an adapter in http', 'src/http/x.ts', "import { log } from '../queues/log.ts'", /knows ports only/],
    ['an SDK in a service', 'src/services/x.ts', "import { Queue } from 'bullmq'", /imports an SDK: bullmq/],
    [
      'an SDK in the domain, by type',
      'src/domain/x.ts',
      "import type { S3Client } from '@aws-sdk/client-s3'",
      /@aws-sdk\/client-s3/,
    ],
    [
      'a file system in a service',
      'src/services/x.ts',
      "import { open } from 'node:fs/promises'",
      /reaches outside: node:fs/,
    ],
    ['a builtin without its prefix', 'src/storage/x.ts', "import { open } from 'fs'", /fs without node:/],
    ['workers in src', 'src/server.ts', "import '../workers/forward.ts'", /src imports workers/],
    ['scripts in src', 'src/server.ts', "import '../scripts/x.ts'\n", /there is no scripts\/x.ts/],
    [
      'a package that is not declared',
      'src/storage/x.ts',
      "import express from 'express'",
      /express is not in package.json/,
    ],
    [
      'a development package in src',
      'src/storage/x.ts',
      "import ts from 'typescript'",
      /typescript is not in package.json/,
    ],
    [
      'an import of nothing',
      'src/storage/x.ts',
      "import { gone } from './gone.ts'",
      /there is no src\/storage\/gone.ts/,
    ],
    ['a folder without a floor', 'src/utils/x.ts', 'export const x = 1', /no floor/],
    ['a barrel file', 'src/domain/index.ts', "export { job } from './job.ts'", /barrel/],
    ['an export of everything', 'src/domain/x.ts', "export * from './job.ts'", /barrel/],
    ['a default export', 'src/domain/x.ts', 'export default 1', /default export/],
    ['a file that is too long', 'src/domain/x.ts', '\n'.repeat(MAX_LINES + 1), /251 lines/],
    [
      'a cycle',
      'src/domain/job.ts',
      "import type { Job } from './job.ts'",
      /cycle: src\/domain\/job.ts → src\/domain\/job.ts/,
    ],
  ]
  for (const [title, file, source, found] of planted) {
    test(title, () => {
      const violations = check(file, source)
      assert.ok(violations.length >= 1, 'nothing was found')
      assert.match(violations.join('\n'), found)
    })
  }

  test('a cycle through several files', () => {
    const sources = new Map(
      Object.entries({ ...house, 'src/storage/a.ts': "import './b.ts'", 'src/storage/b.ts': "import './a.ts'" }),
    )
    assert.deepEqual(findViolations(sources, rules), ['cycle: src/storage/a.ts → src/storage/b.ts → src/storage/a.ts'])
  })

  test('no import in a comment or a string', () => {
    assert.deepEqual(
      check('src/domain/x.ts', "// import './gone.ts'\n/*\nimport 'bullmq'\n*/\nexport const url = 'http://x//y'\n"),
      [],
    )
  })
})

describe('the packages', () => {
  test('are pinned to exact versions', () => {
    const ranges = [manifest.dependencies, manifest.devDependencies]
      .flatMap((group) => Object.entries(group ?? {}))
      .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    assert.deepEqual(ranges, [])
  })

  test('are locked for every platform, because npm ci refuses a lockfile that leaves one out', () => {
    const missing = Object.entries(lock.packages).flatMap(([place, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) => !lock.packages[`node_modules/${name}`] && !lock.packages[`${place}/node_modules/${name}`],
      ),
    )
    assert.deepEqual(missing, [])
  })

  test('have permissive licences', () => {
    const isPermissive = (licence = 'none') =>
      licence
        .replace(/[()]/g, '')
        .split(' OR ')
        .some((each) => PERMISSIVE.has(each))
    const others = Object.entries(lock.packages).filter(
      ([place, { license }]) => place !== '' && !isPermissive(license ?? LICENCE_READ[place]),
    )
    assert.deepEqual(others, [])
  })

  test('run no script when they are installed, but for those with a reason', () => {
    const scripts = Object.entries(lock.packages).filter(
      ([place, entry]) => entry.hasInstallScript && !INSTALL_SCRIPTS[place],
    )
    assert.deepEqual(scripts, [])
    assert.match(read('.npmrc'), /^ignore-scripts=true$/m)
  })
})
