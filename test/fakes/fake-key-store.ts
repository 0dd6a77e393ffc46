import { randomUUID } from 'node:crypto'
import { AppError } from '../../src/domain/errors.ts'
import type { ApiKey, KeyStore } from '../../src/ports.ts'
import { type Outage, withOutage } from './outage.ts'

/** Keys in memory. */
export function createFakeKeyStore(): KeyStore & Outage {
  const keys = new Map<string, ApiKey>()
  const store: KeyStore = {
    findByHash: async (keyHash) => keys.get(keyHash),
    ensure: async ({ owner, role, keyHash }) => {
      if (!keys.has(keyHash)) keys.set(keyHash, { keyId: randomUUID(), owner, role })
    },
  }
  const toError = () => new AppError('database-unavailable', 'The database cannot be reached')
  return withOutage(store, ['findByHash', 'ensure'], toError)
}
