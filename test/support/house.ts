/**
 * The architecture rule of this house, as a function over source files. Floors: a file imports its own floor or lower.
 *
 *     0 domain, analysis, infra/topology.ts   1 ports.ts, ports   2 storage, queues, media, … (never one another)
 *     3 services   4 http   5 the entries and what wires them: src/*.ts, workers, scripts, infra
 */
import { isBuiltin } from 'node:module'
import { dirname, join } from 'node:path/posix'
import { blankComments, type Import, readImports } from './house-imports.ts'

/** Path in the repository, with `/`, to source text. */
export type Sources = ReadonlyMap<string, string>

export interface HouseRules {
  /** Names in package.json's `dependencies`; the scripts may use the others too. */
  readonly dependencies: ReadonlySet<string>
  readonly devDependencies: ReadonlySet<string>
  /** Files that may pass `maxLines`, each with the reason. */
  readonly longFiles: Readonly<Record<string, string>>
  readonly maxLines: number
}

const FOLDER_FLOORS: Readonly<Record<string, number>> = {
  callbacks: 2,
  client: 0,
  domain: 0,
  analysis: 0,
  ports: 1,
  storage: 2,
  queues: 2,
  media: 2,
  flags: 2,
  legacy: 2,
  embedded: 2,
  telemetry: 2,
  services: 3,
  http: 4,
}

/** What floors 0, 1 and 3 may use of others: nothing that reaches outside the process. */
const PURE_PACKAGES = new Set(['typebox', '@echogarden/pffft-wasm', 'ipaddr.js'])
const PURE_BUILTINS =
  /^node:(assert(\/strict)?|buffer|crypto|events|stream(\/promises|\/consumers)?|string_decoder|timers\/promises|util)$/

/** Every violation, as `file:line: sentence`, in the order of the files; empty when the house is in order. */
export function findViolations(sources: Sources, rules: HouseRules): string[] {
  const each = [...sources].flatMap(([file, source]) => [
    ...checkForm(file, source, rules),
    ...readImports(source).flatMap((found) => {
      const fault = checkImport(file, found, sources, rules)
      return fault === undefined ? [] : [`${file}:${found.line}: ${fault}`]
    }),
  ])
  return [...each, ...findCycles(sources)]
}

/** The floor of a file; undefined for a folder of src that the house does not know. */
export function floorOf(file: string): number | undefined {
  if (file === 'infra/topology.ts') return 0
  const [top, folder, ...rest] = file.split('/')
  if (top !== 'src') return 5
  if (rest.length === 0) return folder === 'ports.ts' ? 1 : 5
  return FOLDER_FLOORS[folder ?? '']
}

function checkForm(file: string, source: string, { longFiles, maxLines }: HouseRules): string[] {
  const code = blankComments(source)
  const lines = source.split('\n').length - 1
  const faults: (string | false)[] = [
    floorOf(file) === undefined && 'this folder has no floor',
    /\/index\.[cm]?[jt]s$/.test(file) && 'a barrel file',
    /^[ \t]*export\s+\*/m.test(code) && 'a barrel: export *',
    /^[ \t]*export\s+(default\b|\{[^}]*\bas\s+default\b)/m.test(code) && 'a default export',
    lines > maxLines && longFiles[file] === undefined && `${lines} lines, more than ${maxLines}`,
  ]
  return faults.filter((fault) => fault !== false).map((fault) => `${file}:1: ${fault}`)
}

function checkImport(file: string, { specifier }: Import, sources: Sources, rules: HouseRules): string | undefined {
  if (!specifier.startsWith('.')) return checkPackage(file, specifier, rules)
  const target = join(dirname(file), specifier)
  if (!sources.has(target)) return isJson(specifier) ? undefined : `there is no ${target}`
  return checkFloors(file, target)
}

function checkFloors(file: string, target: string): string | undefined {
  const [from, to] = [floorOf(file) ?? 0, floorOf(target) ?? 5]
  const [folder, other] = [folderOf(file), folderOf(target)]
  if (isIn(file, 'src') && !isIn(target, 'src') && target !== 'infra/topology.ts' && !target.startsWith('infra/')) {
    return `src imports ${target}`
  }
  if (to > from) return `floor ${from} imports ${target} of floor ${to}`
  if (from === 2 && to === 2 && folder !== other)
    return `${folder} imports ${other}: these folders never import one another`
  if (from >= 3 && from <= 4 && to === 2) return `floor ${from} imports ${target}: it knows ports only`
  return undefined
}

function checkPackage(file: string, specifier: string, rules: HouseRules): string | undefined {
  const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier
  const floor = floorOf(file) ?? 0
  const pureOnly = floor <= 1 || floor === 3
  if (isBuiltin(specifier)) {
    if (!specifier.startsWith('node:')) return `${specifier} without node:`
    return pureOnly && !PURE_BUILTINS.test(specifier) ? `floor ${floor} reaches outside: ${specifier}` : undefined
  }
  if (pureOnly && !PURE_PACKAGES.has(name)) return `floor ${floor} imports an SDK: ${name}`
  if (rules.dependencies.has(name) || (isIn(file, 'scripts') && rules.devDependencies.has(name))) return undefined
  return `${name} is not in package.json's dependencies`
}

function findCycles(sources: Sources): string[] {
  const cycles = new Set<string>()
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]) => {
    const start = path.indexOf(file)
    if (start >= 0) cycles.add(`cycle: ${[...path.slice(start), file].join(' → ')}`)
    if (start >= 0 || done.has(file)) return
    for (const { specifier } of readImports(sources.get(file) ?? '')) {
      const target = join(dirname(file), specifier)
      if (specifier.startsWith('.') && sources.has(target)) visit(target, [...path, file])
    }
    done.add(file)
  }
  for (const file of sources.keys()) visit(file, [])
  return [...cycles]
}

function folderOf(file: string): string {
  return file.split('/').slice(0, 2).join('/')
}

function isIn(file: string, folder: string): boolean {
  return file.startsWith(`${folder}/`)
}

function isJson(specifier: string): boolean {
  return specifier.endsWith('.json')
}
