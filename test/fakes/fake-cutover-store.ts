import { conflictWith } from '../../src/domain/cutover.ts'
import { AppError } from '../../src/domain/errors.ts'
import type { CutoverStore, StoredFlag } from '../../src/ports/cutover.ts'
import { type Outage, withOutage } from './outage.ts'

export interface FakeCutoverStore extends CutoverStore, Outage {
  /** Oldest first. */
  readonly rows: StoredFlag[]
}

/** The flag's versions in memory. `now` is its clock, in Unix milliseconds. */
export function createFakeCutoverStore({ now = Date.now }: { now?: () => number } = {}): FakeCutoverStore {
  const rows: StoredFlag[] = []
  const store: CutoverStore = {
    current: async () => rows.at(-1),
    history: async ({ limit, before = Number.POSITIVE_INFINITY }) =>
      rows
        .filter(({ version }) => version < before)
        .reverse()
        .slice(0, limit),
    change: async (change, expected) => {
      const newest = rows.at(-1)
      if ((newest?.version ?? 0) !== expected) throw conflictWith(newest, expected)
      const made: StoredFlag = {
        ...structuredClone(change),
        percent: Math.round(change.percent * 100) / 100,
        version: expected + 1,
        changedAt: new Date(Math.max(now(), newest?.changedAt.getTime() ?? 0)),
        baseline: change.baseline ?? null,
        notifiedAt: null,
      }
      rows.push(made)
      return made
    },
    findUnnotified: async (limit) =>
      rows.filter(({ origin, notifiedAt }) => origin === 'guard' && notifiedAt === null).slice(0, limit),
    markNotified: async (version) => {
      const row = rows[version - 1]
      if (row?.notifiedAt === null) rows[version - 1] = { ...row, notifiedAt: new Date(now()) }
    },
  }
  const methods = ['current', 'history', 'change', 'findUnnotified', 'markNotified'] as const
  const toError = () => new AppError('database-unavailable', 'The database cannot be reached')
  return { ...withOutage(store, methods, toError), rows }
}
