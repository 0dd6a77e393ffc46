/**
 * `npm run bench [-- name …]`: benchmarks, each figure one JSON line on stdout. Exit 0 when every figure reached its
 * target, 1 when one did not, 2 when there is no such benchmark. `SEED` makes other draws.
 */
import { createFigures, type Figures } from './bench/figures.ts'

type Bench = (figures: Figures, seed: number) => Promise<void>

const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  analysis: async () => (await import('./bench/analysis.ts')).benchAnalysis,
  cutover: async () => (await import('./bench/cutover.ts')).benchCutover,
  guarantees: async () => (await import('./bench/guarantees.ts')).benchGuarantees,
  live: async () => (await import('./bench/live.ts')).benchLive,
  scoring: async () => (await import('./bench/scoring.ts')).benchScoring,
  upload: async () => (await import('./bench/upload.ts')).benchUpload,
}
const DEFAULT_SEED = 12_345

async function main(args: readonly string[]): Promise<number> {
  const names = args.length > 0 ? args : Object.keys(BENCHES)
  const unknown = names.filter((name) => !Object.hasOwn(BENCHES, name))
  const seed = Number(process.env.SEED ?? DEFAULT_SEED)
  if (unknown.length > 0 || !Number.isSafeInteger(seed)) {
    console.error(`Usage: SEED=<whole number> npm run bench [-- ${Object.keys(BENCHES).join('|')} …]`)
    return 2
  }
  let missed = 0
  for (const name of names) {
    const figures = createFigures(name)
    const bench = await BENCHES[name]!()
    await bench(figures, seed)
    missed += figures.missed
  }
  return missed === 0 ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
