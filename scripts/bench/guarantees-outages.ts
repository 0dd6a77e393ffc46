/** What a job survives: three of the drill's own cells (`npm run chaos`), at their full length. */
import { OUTAGES } from '../chaos/outages.ts'
import { runStorm } from '../chaos/storm.ts'
import { openWorld, type World } from '../chaos/world.ts'
import type { Figures } from './figures.ts'

const STORM = { seconds: 60, uploadsPerS: 20 }
const CELLS = { 'redis flushed': 'flush-500-jobs', 'sqs away': 'sqs-away-two-minutes' } as const

/** Each in a world of its own, so that one shows nothing of another. */
export async function reportSurvival(figures: Figures, seed: number): Promise<void> {
  for (const [cell, name] of Object.entries(CELLS)) {
    const outage = OUTAGES.find((candidate) => candidate.name === cell)
    if (outage === undefined) throw new Error(`the drill has no cell '${cell}'`)
    await report(figures, name, (world) => outage.run(world, false))
  }
  await report(figures, 'kills-every-two-seconds', (world) => runStorm(world, STORM, seed))
}

async function report(
  figures: Figures,
  name: string,
  run: (world: World) => Promise<{ faults: readonly string[]; jobs: number }>,
): Promise<void> {
  const world = await openWorld()
  if (typeof world === 'string') throw new Error(`No benchmark of guarantees without PostgreSQL: ${world}`)
  try {
    const startedAt = performance.now()
    const { faults, jobs } = await run(world)
    const tookS = Math.round((performance.now() - startedAt) / 1000)
    const figure = { name, value: faults.length, unit: 'violations', target: 0, bound: 'most' } as const
    figures.add(figure, { jobs, took_s: tookS, faults: faults.slice(0, 10) })
  } finally {
    await world.close()
  }
}
