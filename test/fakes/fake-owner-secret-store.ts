import { randomUUID } from 'node:crypto'
import { AppError } from '../../src/domain/errors.ts'
import type { OwnerSecretStore } from '../../src/ports/deliveries.ts'
import { type Outage, withOutage } from './outage.ts'

interface Secret {
  readonly current: string
  readonly previous: string | null
  readonly previousUntilMs: number
}

export interface FakeOwnerSecretStore extends OwnerSecretStore, Outage {
  /** As if the owner's last rotation had been this much earlier. */
  age(owner: string, seconds: number): Promise<void>
}

/** Secrets in memory. `now` is its clock, in Unix milliseconds. */
export function createFakeOwnerSecretStore({ now = Date.now }: { now?: () => number } = {}): FakeOwnerSecretStore {
  const secrets = new Map<string, Secret>()
  const store: Omit<FakeOwnerSecretStore, 'setDown'> = {
    find: async (owner) => {
      const known = secrets.get(owner) ?? { current: createSecret(), previous: null, previousUntilMs: 0 }
      secrets.set(owner, known)
      const { current, previous, previousUntilMs } = known
      return previous !== null && previousUntilMs > now() ? [current, previous] : [current]
    },
    rotate: async (owner) => {
      const current = createSecret()
      const previous = secrets.get(owner)?.current ?? null
      secrets.set(owner, { current, previous, previousUntilMs: now() + 86_400_000 })
      return current
    },
    age: async (owner, seconds) => {
      const known = secrets.get(owner)
      if (known) secrets.set(owner, { ...known, previousUntilMs: known.previousUntilMs - seconds * 1000 })
    },
  }
  const toError = () => new AppError('database-unavailable', 'The database cannot be reached')
  return withOutage(store, ['find', 'rotate'], toError)
}

function createSecret(): string {
  return `twcb_${randomUUID()}${randomUUID()}`
}
