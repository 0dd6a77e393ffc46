/** The provider that decides when no company's own does: the flag of Postgres, or `USE_QUEUE_SYSTEM` while none is set. */
import {
  FlagNotFoundError,
  type Provider,
  type ResolutionDetails,
  StandardResolutionReasons,
  TargetingKeyMissingError,
  TypeMismatchError,
} from '@openfeature/server-sdk'
import { type CutoverFlag, decideRoute, isIn, type RouteDecision } from '../domain/cutover.ts'

/** True: the queue. Its targeting key is the owner. */
export const FLAG_KEY = 'use-queue-system'

const REASONS = {
  denied: StandardResolutionReasons.TARGETING_MATCH,
  allowed: StandardResolutionReasons.TARGETING_MATCH,
  percentage: StandardResolutionReasons.SPLIT,
} as const

/** What our own flag says of an owner, or the default percentage while there is none. */
export function decideByFlag(owner: string, flag: CutoverFlag | undefined, defaultPercent: number): RouteDecision {
  if (flag === undefined) {
    return { route: isIn(owner, defaultPercent) ? 'queue' : 'direct', reason: 'default', flagVersion: null }
  }
  return { ...decideRoute(owner, flag), flagVersion: flag.version }
}

export interface CutoverProviderOptions {
  /** The flag as it is known; undefined while none is set. */
  readonly known: () => CutoverFlag | undefined
  readonly defaultPercent: number
}

/** Its metadata has our `reason`, and the `version` of the flag when one decided. */
export function createCutoverProvider({ known, defaultPercent }: CutoverProviderOptions): Provider {
  const refuse = async (flagKey: string): Promise<never> => {
    if (flagKey === FLAG_KEY) throw new TypeMismatchError(`${FLAG_KEY} is true or false`)
    throw new FlagNotFoundError(`There is no flag ${flagKey}`)
  }
  return {
    metadata: { name: 'tonewire-cutover' },
    runsOn: 'server',
    async resolveBooleanEvaluation(flagKey, _, { targetingKey }) {
      if (flagKey !== FLAG_KEY) return refuse(flagKey)
      if (!targetingKey) throw new TargetingKeyMissingError('The targeting key is the owner')
      return toDetails(decideByFlag(targetingKey, known(), defaultPercent))
    },
    resolveStringEvaluation: refuse,
    resolveNumberEvaluation: refuse,
    resolveObjectEvaluation: refuse,
  }
}

function toDetails({ route, reason, flagVersion }: RouteDecision): ResolutionDetails<boolean> {
  return {
    value: route === 'queue',
    variant: route,
    reason: reason in REASONS ? REASONS[reason as keyof typeof REASONS] : StandardResolutionReasons.DEFAULT,
    flagMetadata: { reason, ...(flagVersion !== null && { version: flagVersion }) },
  }
}
