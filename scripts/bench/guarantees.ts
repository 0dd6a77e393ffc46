/** What a job costs and what it survives: the figures of the queue route, on servers of their own on this machine. */
import type { Figures } from './figures.ts'
import { reportIdleLatency } from './guarantees-idle.ts'
import { reportForwardHop, reportLoad } from './guarantees-load.ts'
import { reportSurvival } from './guarantees-outages.ts'
import { reportRepeats } from './guarantees-repeats.ts'
import { type GuaranteesStack, startGuaranteesStack } from './guarantees-stack.ts'

type Part = (figures: Figures, seed: number) => Promise<void>

const PARTS: Readonly<Record<string, Part>> = {
  'costs of a job': onStack(reportLoad),
  'forward hop alone': onStack(reportForwardHop),
  'idle system': onStack(reportIdleLatency),
  'repeated answers': onStack(reportRepeats),
  survival: reportSurvival,
}

/** `GUARANTEES` names parts by what they begin with, comma separated; without it all of them. */
export async function benchGuarantees(figures: Figures, seed: number): Promise<void> {
  const wanted = process.env.GUARANTEES?.split(',')
  for (const [name, report] of Object.entries(PARTS)) {
    if (wanted !== undefined && !wanted.some((start) => name.startsWith(start))) continue
    figures.say(name)
    await report(figures, seed)
  }
}

/** Servers of its own for a part, empty at first. */
function onStack(report: (stack: GuaranteesStack, figures: Figures, seed: number) => Promise<void>): Part {
  return async (figures, seed) => {
    const stack = await startGuaranteesStack()
    if (typeof stack === 'string') throw new Error(`No benchmark of guarantees without PostgreSQL: ${stack}`)
    try {
      await report(stack, figures, seed)
    } finally {
      await stack.stop()
    }
  }
}
