import type { Config } from './config.ts'
import { parseShare } from './domain/cutover.ts'
import type { CutoverSettings } from './ports/cutover.ts'

type Given = Pick<
  Config,
  'useQueueSystem' | 'useQueueSystemForce' | 'analysisServerUrl' | 'webhookUrl' | 'flagProvider'
>

/** What the environment says of the cutover. */
export function cutoverSettingsOf(config: Given): CutoverSettings {
  const { useQueueSystem, useQueueSystemForce, flagProvider } = config
  return {
    defaultPercent: parseShare(useQueueSystem) ?? 100,
    forcedPercent: useQueueSystemForce === undefined ? null : (parseShare(useQueueSystemForce) ?? null),
    // Looked at late: where all is in one process they are not known before both listen.
    get hasDirectRoute() {
      return config.analysisServerUrl !== undefined && config.webhookUrl !== undefined
    },
    provider: flagProvider ?? null,
  }
}
