import type { Log } from '../../src/ports.ts'
import { createArrivals } from './arrivals.ts'

export interface LogLine {
  readonly level: string
  readonly sentence: string
  readonly fields: object
}

/** Keeps what is logged, so that a test can ask for it, or wait for a sentence. */
export function createTestLog(): Log & {
  readonly lines: readonly LogLine[]
  until(sentence: string): Promise<unknown>
} {
  const lines = createArrivals<LogLine>()
  const at = (level: string) => (fields: object, sentence: string) => lines.add({ level, sentence, fields })
  return {
    lines: lines.items,
    until: (sentence) => lines.until((line) => line.sentence === sentence),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  }
}
