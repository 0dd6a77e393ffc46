/**
 * `npm run chaos`: stops every role just before and just after each of its calls to the outside, takes the stores away
 * in every way that comes to mind, and looks whether any job was lost, doubled or left without its end. One JSON line
 * per cell on stdout; exit 1 when one found a violation, 2 when it cannot be asked.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createRandom } from './bench/random.ts'
import { type Cell, createFigures, describeRun, type Figures, formatMatrix } from './chaos/figures.ts'
import { discover, halfOf, type KillCell, type Outcome, runKill } from './chaos/kills.ts'
import { OUTAGES } from './chaos/outages.ts'
import { interleaveRoles, shuffle } from './chaos/plan.ts'
import { SABOTAGES } from './chaos/sabotage.ts'
import { runStorm } from './chaos/storm.ts'
import { openWorld, type World } from './chaos/world.ts'

const DOCUMENT = new URL('../docs/guarantees.md', import.meta.url)
const [BEGIN, END] = ['<!-- matrix -->', '<!-- end of matrix -->']
const DEFAULT_SEED = 12_345
const STORM = { seconds: 60, uploadsPerS: 20 }
const SHORT_STORM = { seconds: 16, uploadsPerS: 10 }
/** Of the short form: after the first it begins no kill while there are outages left, after the second nothing. */
const [QUICK_KILLS_MS, QUICK_MS] = [5 * 60_000, 9 * 60_000]

const USAGE = `usage: SEED=<whole number> npm run chaos -- [options]
  --quick            each call once, either before or after; short outages; no cell begins after nine minutes
  --cells <regex>    only cells whose names match, such as '^forward/jobs'
  --seeds <n>        so many runs, with SEED, SEED + 1, …
  --write            puts the matrix into docs/guarantees.md; not with what leaves cells out or breaks them
  --sabotage <name>  breaks an invariant on purpose: ${Object.keys(SABOTAGES).join(', ')}
  --help             says this`

const OPTIONS = {
  help: { type: 'boolean', default: false },
  quick: { type: 'boolean', default: false },
  cells: { type: 'string', default: '' },
  seeds: { type: 'string', default: '1' },
  write: { type: 'boolean', default: false },
  sabotage: { type: 'string' },
} as const

type Options = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']

async function main(): Promise<number> {
  const values = readOptions()
  if (values === undefined) return 2
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const first = Number(process.env.SEED ?? DEFAULT_SEED)
  const seeds = Number(values.seeds)
  const isKnown = values.sabotage === undefined || Object.hasOwn(SABOTAGES, values.sabotage)
  if (!Number.isSafeInteger(first) || !(seeds >= 1) || !isKnown) {
    console.error(`SEED and --seeds are whole numbers, --sabotage is one of ${Object.keys(SABOTAGES).join(', ')}`)
    return 2
  }
  if (values.write && (values.cells !== '' || values.quick || values.sabotage !== undefined)) {
    console.error('--write is for the whole matrix: without --cells, --quick and --sabotage')
    return 2
  }
  const world = await openWorld(values.sabotage === undefined ? {} : { sabotage: values.sabotage })
  if (typeof world === 'string') {
    console.error(`The drill needs PostgreSQL: ${world}`)
    return 2
  }
  const end = (): void => void world.close().finally(() => process.exit(130))
  process.once('SIGINT', end).once('SIGTERM', end)
  const figures = createFigures()
  try {
    for (let seed = first; seed < first + seeds; seed++) await runSeed(world, figures, seed, values)
  } finally {
    await world.close()
  }
  const command = `SEED=${first} npm run chaos -- ${process.argv.slice(2).join(' ')}`.replace(/ --\s*$/, '')
  const matrix = `${describeRun(figures, command)}\n${formatMatrix(figures.cells)}`
  console.error(matrix)
  if (values.write) writeMatrix(matrix)
  return figures.violations === 0 ? 0 : 1
}

/** Undefined, with the usage shown, for what is no option. */
function readOptions(): Options | undefined {
  try {
    return parseArgs({ options: OPTIONS }).values
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    return undefined
  }
}

interface Planned {
  readonly name: string
  readonly run: () => Promise<Outcome>
}

async function runSeed(world: World, figures: Figures, seed: number, values: Options): Promise<void> {
  const startedAt = performance.now()
  const isOver = (ms: number): boolean => values.quick && performance.now() - startedAt > ms
  const wanted = new RegExp(values.cells)
  const cells: KillCell[] = []
  const calm = await runCell(world, seed, { name: 'no fault', run: () => discover(world, seed, cells) })
  if (wanted.test(calm.name)) figures.add(calm)
  const kills = interleaveRoles(values.quick ? halfOf(cells, seed) : cells, seed)
    .map((cell) => ({ name: cell.name, run: () => runKill(world, cell) }))
    .filter(({ name }) => wanted.test(name))
  const outages = shuffle(outagesOf(world, seed, values.quick), createRandom(seed)).filter(({ name }) =>
    wanted.test(name),
  )
  console.error(`Seed ${seed}: ${kills.length} kills of ${cells.length} that there are, ${outages.length} outages`)
  while (kills.length + outages.length > 0 && !isOver(QUICK_MS)) {
    const isKillDue = kills.length > 0 && (outages.length === 0 || !isOver(QUICK_KILLS_MS))
    const next = (isKillDue ? kills : outages).shift()
    if (next !== undefined) figures.add(await runCell(world, seed, next))
  }
  const leftOut = [...kills, ...outages].map(({ name }) => name)
  figures.leaveOut(leftOut, seed)
}

function outagesOf(world: World, seed: number, isQuick: boolean): Planned[] {
  const storm = {
    name: 'kill -9 of a random role every 2 s',
    run: () => runStorm(world, isQuick ? SHORT_STORM : STORM, seed),
  }
  return [storm, ...OUTAGES.map(({ name, run }) => ({ name, run: () => run(world, isQuick) }))]
}

/** With the ends of processes that were none of ours among its faults. */
async function runCell({ crew, directServer }: World, seed: number, { name, run }: Planned): Promise<Cell> {
  const startedAt = performance.now()
  const {
    jobs,
    faults,
    reached = true,
  } = await run().catch((error: Error): Outcome => {
    return { jobs: 0, faults: [error.message] }
  })
  const exits = [...(await crew.takeFaults()), ...(await directServer.takeFaults())]
  const seconds = (performance.now() - startedAt) / 1000
  return { name, jobs, faults: [...faults, ...exits], reached, seed, seconds }
}

function writeMatrix(matrix: string): void {
  const text = readFileSync(DOCUMENT, 'utf8')
  const [before, rest = ''] = text.split(BEGIN)
  const [, after = ''] = rest.split(END)
  writeFileSync(DOCUMENT, `${before}${BEGIN}\n\n${matrix}\n${END}${after}`)
}

process.exitCode = await main()
