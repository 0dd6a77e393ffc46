/** A flag system of a company, as `FLAG_PROVIDER` names one: OpenFeature's own, in memory. Owners that begin with `q` take the queue. */
import { InMemoryProvider } from '@openfeature/server-sdk'

export function createProvider(): InMemoryProvider {
  return new InMemoryProvider({
    'use-queue-system': {
      variants: { queue: true, direct: false },
      defaultVariant: 'direct',
      disabled: false,
      contextEvaluator: ({ targetingKey = '' }) => (targetingKey.startsWith('q') ? 'queue' : 'direct'),
    },
  })
}
