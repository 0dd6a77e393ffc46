/**
 * The route of a new job.
 *
 *   USE_QUEUE_SYSTEM_FORCE        → above all
 *   no direct route is configured → the queue; said once where somebody wanted it otherwise
 *   the owner is not known        → USE_QUEUE_SYSTEM
 *   else                          → the provider behind OpenFeature (asked-provider.ts)
 */
import { isIn, type RouteDecision } from '../domain/cutover.ts'
import type { RouteReason } from '../domain/job.ts'
import type { CutoverSettings, Router } from '../ports/cutover.ts'
import { createAskedProvider, type ProviderOptions } from './asked-provider.ts'
import type { FlagCache } from './flag-cache.ts'

export interface RouterOptions extends ProviderOptions {
  readonly flag: FlagCache
  readonly settings: CutoverSettings
}

const NO_DIRECT_ROUTE: RouteDecision = { route: 'queue', reason: 'no-direct-route', flagVersion: null }

/** Closes the flag with itself. */
export function createRouter(options: RouterOptions): Router & { close(): void } {
  const { flag, settings, log, startMs = 2_000 } = options
  const { defaultPercent, forcedPercent } = settings
  const provider = createAskedProvider(options)
  let opening: Promise<void> | undefined
  let isTold = false

  function withoutDirectRoute(): RouteDecision {
    if (!isTold && isDirectWanted(flag, settings)) {
      log.warn({}, 'there is no direct route, so all jobs take the queue: set ANALYSIS_SERVER_URL and WEBHOOK_URL')
      isTold = true
    }
    return NO_DIRECT_ROUTE
  }

  return {
    async decide(owner) {
      if (forcedPercent !== null) {
        const decision = decideByShare(owner, forcedPercent, 'forced')
        return decision.route === 'queue' || settings.hasDirectRoute ? decision : withoutDirectRoute()
      }
      if (!settings.hasDirectRoute) return withoutDirectRoute()
      return owner ? provider.decide(owner) : decideByShare(undefined, defaultPercent, 'no-owner')
    },
    async ready() {
      opening ??= provider.open()
      await Promise.all([opening, flag.loaded(startMs)])
    },
    learn: flag.learn,
    close() {
      flag.close()
      provider.close()
    },
  }
}

/** Without an owner there is no bucket: whoever nobody knows goes with the greater part. */
function decideByShare(owner: string | undefined, percent: number, reason: RouteReason): RouteDecision {
  const isForQueue = owner ? isIn(owner, percent) : percent >= 50
  return { route: isForQueue ? 'queue' : 'direct', reason, flagVersion: null }
}

function isDirectWanted(flag: FlagCache, { forcedPercent, defaultPercent, provider }: CutoverSettings): boolean {
  if (forcedPercent !== null) return forcedPercent < 100
  const { percent, deny } = flag.known() ?? { percent: defaultPercent, deny: [] }
  return provider !== null || percent < 100 || deny.length > 0
}
