/** What following costs and keeps: thousands of streams, processes that die, writers that collide. */
import type { Figures } from './figures.ts'
import { reportIdleLatency } from './guarantees-idle.ts'
import { type GuaranteesStack, startGuaranteesStack } from './guarantees-stack.ts'
import { reportMove, reportRestless } from './live-moves.ts'
import { reportLeaks, reportStreams } from './live-streams.ts'
import { reportWriters } from './live-writers.ts'

type Part = (stack: GuaranteesStack, figures: Figures, seed: number) => Promise<void>

const PARTS: Readonly<Record<string, Part>> = {
  streams: reportStreams,
  move: reportMove,
  idle: reportIdleLatency,
  leaks: reportLeaks,
  writers: reportWriters,
  restless: reportRestless,
}

/** `LIVE` names parts, comma separated; without it all of them. Each has servers of its own. */
export async function benchLive(figures: Figures, seed: number): Promise<void> {
  const wanted = process.env.LIVE?.split(',')
  for (const [name, report] of Object.entries(PARTS)) {
    if (wanted !== undefined && !wanted.includes(name)) continue
    figures.say(name)
    const stack = await startGuaranteesStack()
    if (typeof stack === 'string') throw new Error(`No benchmark of streams without PostgreSQL: ${stack}`)
    try {
      await report(stack, figures, seed)
    } finally {
      await stack.stop()
    }
  }
}
