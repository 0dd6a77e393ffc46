/** What the drill found: one JSON line for each cell on stdout, and a matrix for people. */

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
  readonly cells: readonly Cell[]
  readonly violations: number
}

export function createFigures(): Figures {
  const cells: Cell[] = []
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
    get violations() {
      return cells.reduce((sum, { faults }) => sum + faults.length, 0)
    },
  }
}

/** The kills as a table of calls against roles, then the other cells as a list; runs of several seeds together. */
export function formatMatrix(cells: readonly Cell[]): string {
  const kills = cells.filter(({ name }) => name.split('/').length === 3)
  const roles = [...new Set(kills.map(({ name }) => partsOf(name)[0]))]
  const calls = [...new Set(kills.map(({ name }) => partsOf(name)[1]))].sort()
  const signs = (role: string, call: string): string =>
    (['before', 'after'] as const)
      .map((when) => signOf(kills.filter(({ name }) => name === `${role}/${call}/${when}`)))
      .join(' ')
      .trim()
  const others = Map.groupBy(
    cells.filter((cell) => !kills.includes(cell)),
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
