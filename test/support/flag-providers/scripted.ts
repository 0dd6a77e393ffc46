/** A flag system that does as the owner's name says: answers with a version, throws, hangs, answers nonsense or an error. */
import type { EvaluationContext, Provider } from '@openfeature/server-sdk'

const ANSWERS: Readonly<Record<string, () => unknown>> = {
  versioned: () => ({ value: false, flagMetadata: { version: 12 } }),
  'odd-version': () => ({ value: false, flagMetadata: { version: 1.5 } }),
  throws: () => {
    throw new Error('planted')
  },
  rejects: () => Promise.reject(new Error('planted')),
  hangs: () => new Promise(() => {}),
  nonsense: () => ({ value: 'yes' }),
  nothing: () => undefined,
  error: () => ({ value: false, errorCode: 'GENERAL', reason: 'ERROR' }),
}
const oppose = (value: boolean) => ({ value: !value })
const refuse = () => Promise.reject(new Error('not a flag of this test'))

export function createProvider(): Provider {
  return {
    metadata: { name: 'scripted' },
    resolveBooleanEvaluation: (_: string, value: boolean, { targetingKey = '' }: EvaluationContext) =>
      (targetingKey in ANSWERS ? ANSWERS[targetingKey]?.() : oppose(value)) as never,
    resolveStringEvaluation: refuse,
    resolveNumberEvaluation: refuse,
    resolveObjectEvaluation: refuse,
  }
}
