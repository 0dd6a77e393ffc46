import type { DeadLetterStore } from '../ports/dead-letters.ts'
import type { GaugeSource } from './metrics.ts'

/** How many letters wait for a decision. */
export function deadLetterGauge(deadLetters: Pick<DeadLetterStore, 'group'>): GaugeSource {
  return {
    name: 'dead_letters_open',
    help: 'Dead letters that nobody has redriven or discarded, by where they came from and why',
    labels: ['source', 'code'],
    read: async () =>
      (await deadLetters.group({ state: 'open' }, ['source', 'code'])).map(({ source, code, count }) => ({
        labels: { source: source ?? '', code: code ?? '' },
        value: count,
      })),
  }
}
