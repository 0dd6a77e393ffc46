/**
 * `npm run chaos`: stops every role just before and just after each of its calls to the outside, takes the stores away
 * in every way that comes to mind, and looks whether any job was lost, doubled or left without its end. One JSON line
 * per cell on stdout; exit 1 when one found a violation.
 *
 *   --quick            each call once, either before or after; short outages
 *   --cells <regex>    only cells whose names match
 *   --seeds <n>        so many runs, with SEED, SEED + 1, …
 *   --write            puts the matrix into docs/guarantees.md
 *   --sabotage <name>  breaks an invariant on purpose: skip-republish, record-before-effect
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

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    cells: { type: 'string', default: '' },
    seeds: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
    sabotage: { type: 'string' },
  },
})

async function main(): Promise<number> {
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
    for (let seed = first; seed < first + seeds; seed++) await runSeed(world, figures, seed)
  } finally {
    await world.close()
  }
  const matrix = formatMatrix(figures.cells)
  console.error(matrix)
  if (values.write) writeMatrix(matrix)
  return figures.violations === 0 ? 0 : 1
}

async function runSeed(world: World, figures: Figures, seed: number): Promise<void> {
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
