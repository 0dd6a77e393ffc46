/** What tests of the flag need: flags as they are kept, and settings with a direct route. */
import type { CutoverSettings, StoredFlag } from '../../src/ports/cutover.ts'

export function storedFlag(fields: Partial<StoredFlag> = {}): StoredFlag {
  return {
    ...{ version: 1, percent: 50, allow: [], deny: [], guard: null, baseline: null, reason: 'test', changedBy: 'ops' },
    ...{ origin: 'operator', changedAt: new Date(0), notifiedAt: null },
    ...fields,
  }
}

export const DIRECT_ROUTE: CutoverSettings = {
  ...{ defaultPercent: 100, forcedPercent: null, hasDirectRoute: true, provider: null },
}
