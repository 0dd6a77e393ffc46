/** What the drill found: one JSON line for each cell on stdout, and a matrix for people. */

import type { Role } from '../../src/roles.ts'

export interface Cell {
  /** Such as `forward/analysisQueue.send/after`. */
  readonly name: string
  readonly faults: readonly string[]
  /** Undefined: the call never came. */
  readonly reached: boolean
  readonly jobs: number
  readonly seconds: number
  readonly seed: number
}

export interface Figures {
  add(cell: Cell): void
  /** Cells that a run had no time for. */
  leaveOut(names: readonly string[], seed: number): void
  readonly leftOut: number
  readonly cells: readonly Cell[]
  readonly violations: number
}

export function createFigures(): Figures {
  const cells: Cell[] = []
  let leftOut = 0
  return {
    cells,
    add(cell) {
      cells.push(cell)
      const { name, faults, reached, jobs, seconds, seed } = cell
      const figure = { name: `chaos/${name}`, value: faults.length, unit: 'violations', target: 0 }
      const outcome = reached ? { ok: faults.length === 0 } : { ok: faults.length === 0 ? null : false, reached: false }
      console.log(JSON.stringify({ ...figure, ...outcome, seed, jobs, seconds: Number(seconds.toFixed(1)) }))
      console.error(`${signOf([cell])} ${name} (${jobs} jobs, ${seconds.toFixed(1)} s)`)
      for (const fault of faults) console.error(`    ${fault}`)
    },
    leaveOut(names, seed) {
      if (names.length === 0) return
      leftOut += names.length
      const figure = { name: 'chaos/left out for time', value: names.length, unit: 'cells', target: null, ok: null }
      console.log(JSON.stringify({ ...figure, seed, cells: names }))
      console.error(`– ${names.length} cells were left out: time is over`)
    },
    get leftOut() {
      return leftOut
    },
    get violations() {
      return cells.reduce((sum, { faults }) => sum + faults.length, 0)
    },
  }
}

const ROLES: readonly Role[] = ['api', 'forward', 'analyse', 'record', 'reconcile']

/** One sentence on what a matrix is made of. `command` is what makes it again. */
export function describeRun({ cells, leftOut }: Pick<Figures, 'cells' | 'leftOut'>, command: string): string {
  const seeds = [...new Set(cells.map(({ seed }) => seed))].join(', ')
  const unreached = cells.filter(({ reached }) => !reached).length
  const counts = `${cells.length} cells, ${unreached} of them not reached, ${leftOut} left out for time`
  return `Seeds ${seeds}, by \`${command}\`: ${counts}.\n`
}

/** The kills as a table of calls against roles, then the other cells as a list; runs of several seeds together. */
export function formatMatrix(cells: readonly Cell[]): string {
  const kills = cells.filter(({ name }) => name.split('/').length === 3)
  const roles = ROLES.filter((role) => kills.some(({ name }) => partsOf(name)[0] === role))
  const calls = [...new Set(kills.map(({ name }) => partsOf(name)[1]))].sort()
  const signs = (role: string, call: string): string =>
    (['before', 'after'] as const)
      .map((when) => signOf(kills.filter(({ name }) => name === `${role}/${call}/${when}`)))
      .join(' ')
      .trim()
  const others = Map.groupBy(
    cells.filter((cell) => !kills.includes(cell)).toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    ({ name }) => name,
  )
  return [
    `| call | ${roles.join(' | ')} |`,
    `|---|${roles.map(() => '---|').join('')}`,
    ...calls.map((call) => `| \`${call}\` | ${roles.map((role) => signs(role, call)).join(' | ')} |`),
    '',
    '| what | jobs | seconds | |',
    '|---|---|---|---|',
    ...[...others].map(([name, runs]) => {
      const jobs = Math.max(...runs.map((run) => run.jobs))
      const seconds = Math.max(...runs.map((run) => run.seconds))
      return `| ${name} | ${jobs} | ${seconds.toFixed(0)} | ${signOf(runs)} |`
    }),
    '',
  ].join('\n')
}

function partsOf(name: string): [role: string, call: string] {
  const [role = '', call = ''] = name.split('/')
  return [role, call]
}

function signOf(runs: readonly Cell[]): string {
  if (runs.length === 0) return ''
  if (runs.some(({ faults }) => faults.length > 0)) return '✖'
  return runs.some(({ reached }) => reached) ? '✔' : '–'
}
