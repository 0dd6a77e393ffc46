/**
 * `npm run chaos`: stops every role just before and just after each of its calls to the outside, takes the stores away
 * in every way that comes to mind, and looks whether any job was lost, doubled or left without its end. One JSON line
 * per cell on stdout; exit 1 when one found a violation, 2 when it cannot be asked.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createFigures, type Figures, formatMatrix } from './chaos/figures.ts'
import { discover, halfOf, type Outcome, runKill } from './chaos/kills.ts'
import { OUTAGES } from './chaos/outages.ts'
import { SABOTAGES } from './chaos/sabotage.ts'
import { runStorm } from './chaos/storm.ts'
import { openWorld, type World } from './chaos/world.ts'

const DOCUMENT = new URL('../docs/guarantees.md', import.meta.url)
const [BEGIN, END] = ['<!-- matrix -->', '<!-- end of matrix -->']
const DEFAULT_SEED = 12_345
const STORM = { seconds: 60, uploadsPerS: 20 }
const SHORT_STORM = { seconds: 16, uploadsPerS: 10 }
/** After this the short form begins no further cell. */
const QUICK_MS = 9 * 60_000

const USAGE = `usage: SEED=<whole number> npm run chaos -- [options]
  --quick            each call once, either before or after; short outages
  --cells <regex>    only cells whose names match, such as '^forward/jobs'
  --seeds <n>        so many runs, with SEED, SEED + 1, …
  --write            puts the matrix into docs/guarantees.md
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
  const matrix = formatMatrix(figures.cells)
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

async function runSeed(world: World, figures: Figures, seed: number, values: Options): Promise<void> {
  const overAtMs = performance.now() + (values.quick ? QUICK_MS : Number.POSITIVE_INFINITY)
  const wanted = new RegExp(values.cells)
  const run = async (name: string, work: () => Promise<Outcome>): Promise<void> => {
    if (!wanted.test(name)) return
    const startedAt = performance.now()
    const outcome = await work().catch((error: Error) => ({ jobs: 0, faults: [error.message], isSkipped: false }))
    const seconds = (performance.now() - startedAt) / 1000
    figures.add({ name, ...outcome, reached: outcome.isSkipped !== true, seed, seconds })
  }
  const { cells, outcome } = await discover(world, seed)
  await run('no fault', async () => outcome)
  for (const outage of OUTAGES) await run(outage.name, () => outage.run(world, values.quick))
  await run('kill -9 of a random role every 2 s', () => runStorm(world, values.quick ? SHORT_STORM : STORM, seed))
  const kills = (values.quick ? halfOf(cells, seed) : cells).filter(({ name }) => wanted.test(name))
  for (const [index, cell] of kills.entries()) {
    if (performance.now() > overAtMs) return console.error(`${kills.length - index} cells were left out: time is over`)
    figures.add(await runKill(world, cell, seed))
  }
}

function writeMatrix(matrix: string): void {
  const text = readFileSync(DOCUMENT, 'utf8')
  const [before, rest = ''] = text.split(BEGIN)
  const [, after = ''] = rest.split(END)
  writeFileSync(DOCUMENT, `${before}${BEGIN}\n\n${matrix}\n${END}${after}`)
}

process.exitCode = await main()
