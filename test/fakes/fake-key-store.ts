import { randomUUID } from 'node:crypto'
import { AppError } from '../../src/domain/errors.ts'
import type { ApiKey, KeyRecord, KeyStore, NewKey } from '../../src/ports.ts'
import { type Outage, withOutage } from './outage.ts'

const MINUTE_MS = 60_000

export interface FakeKeyStore extends KeyStore, Outage {
  /** What is kept, by the keys' hashes, for the twin of the store that looks at the same table. */
  readonly rows: Map<string, KeyRecord>
  /** Hashes of keys that went with their owner. */
  readonly ended: Set<string>
}

/** Keys in memory. `now` is the database's clock, in Unix milliseconds. */
export function createFakeKeyStore({ now = Date.now }: { now?: () => number } = {}): FakeKeyStore {
  const keys = new Map<string, KeyRecord>()
  const ended = new Set<string>()
  const isLive = ({ revokedAt, expiresAt }: KeyRecord) =>
    revokedAt === null && (expiresAt === null || expiresAt.getTime() > now())
  const find = (match: (entry: [string, KeyRecord]) => boolean) => [...keys].find(match)
  const findLive = (found: KeyRecord | undefined) => (found && isLive(found) ? toApiKey(found) : undefined)
  const byId = (keyId: string) => find(([, key]) => key.keyId === keyId)
  const add = ({ keyHash, expiresAt = null, owner, role, name }: NewKey): KeyRecord => {
    if (keys.has(keyHash)) throw new Error('duplicate key')
    const made = { createdAt: new Date(now()), revokedAt: null, lastUsedAt: null }
    const record = { keyId: randomUUID(), owner, role, name, expiresAt, ...made }
    keys.set(keyHash, record)
    return record
  }
  const store: KeyStore = {
    findByHash: async (keyHash) => findLive(keys.get(keyHash)),
    findById: async (keyId) => findLive(byId(keyId)?.[1]),
    ensure: async (key) => {
      if (!keys.has(key.keyHash) && !ended.has(key.keyHash)) add(key)
    },
    create: async (key) => add(key),
    list: async ({ owner, after, limit }) => {
      const newestFirst = [...keys.values()].sort(
        (a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.keyId < b.keyId ? 1 : -1),
      )
      const start = after === undefined ? 0 : newestFirst.findIndex(({ keyId }) => keyId === after) + 1
      if (after !== undefined && start === 0) return []
      return newestFirst
        .slice(start)
        .filter((key) => owner === undefined || key.owner === owner)
        .slice(0, limit)
    },
    revoke: async (keyId) => {
      const [hash, key] = byId(keyId) ?? []
      if (hash === undefined || key === undefined) return 'unknown'
      const admins = [...keys.values()].filter((one) => one.role === 'admin' && isLive(one))
      if (admins.length === 1 && admins[0]?.keyId === keyId) return 'last-admin'
      keys.set(hash, { ...key, revokedAt: key.revokedAt ?? new Date(now()) })
      return 'revoked'
    },
    touch: async (keyId) => {
      const [hash, key] = byId(keyId) ?? []
      if (hash === undefined || key === undefined) return
      if (now() - (key.lastUsedAt?.getTime() ?? Number.NEGATIVE_INFINITY) < MINUTE_MS) return
      keys.set(hash, { ...key, lastUsedAt: new Date(now()) })
    },
  }
  const toError = () => new AppError('database-unavailable', 'The database cannot be reached')
  return { ...withOutage(store, Object.keys(store) as (keyof KeyStore)[], toError), rows: keys, ended }
}

function toApiKey({ keyId, owner, role, expiresAt }: KeyRecord): ApiKey {
  return { keyId, owner, role, expiresAt }
}
