import { AppError } from '../../src/domain/errors.ts'
import type { OwnerDeletionStore } from '../../src/ports/upkeep.ts'
import type { JobStore, KeyStore, NewKey, TokenStore } from '../../src/ports.ts'
import type { FakeDeadLetterStore } from './fake-dead-letter-store.ts'
import type { FakeJobStore } from './fake-job-store.ts'
import type { FakeKeyStore } from './fake-key-store.ts'
import type { FakeTokenStore } from './fake-token-store.ts'

export interface FakeOwnerDeletionStore extends OwnerDeletionStore {
  /** The same stores; while an owner is being deleted they take nothing new of it, as the database's triggers do. */
  guarding<T extends Pick<JobStore, 'create'>>(jobs: T): T
  guardingTokens<T extends Pick<TokenStore, 'put'>>(tokens: T): T
  guardingKeys<T extends Pick<KeyStore, 'create' | 'ensure'>>(keys: T): T
}

export interface FakeOwnerTables {
  readonly jobs: Pick<FakeJobStore, 'rows'>
  readonly tokens: Pick<FakeTokenStore, 'rows'>
  readonly keys: Pick<FakeKeyStore, 'rows' | 'ended'>
  readonly deadLetters: Pick<FakeDeadLetterStore, 'rows'>
  readonly now?: () => number
}

/** Deletions of owners in memory, on the rows of the other twins. */
export function createFakeOwnerDeletionStore(tables: FakeOwnerTables): FakeOwnerDeletionStore {
  const { jobs, tokens, keys, deadLetters, now = Date.now } = tables
  const deletions = new Map<string, { requestedMs: number; dueMs: number }>()
  const ownJobs = (owner: string) => [...jobs.rows].filter(([, { job }]) => job.owner === owner)
  const ownTokens = (owner: string) => [...tokens.rows].filter(([, token]) => token.owner === owner)
  const ownKeys = (owner: string) => [...keys.rows].filter(([, key]) => key.owner === owner)
  const ownLetters = (owner: string) => [...deadLetters.rows].filter(([, letter]) => letter.owner === owner)
  const endKeys = (owner: string): string[] =>
    ownKeys(owner).map(([hash, { keyId }]) => {
      keys.rows.delete(hash)
      keys.ended.add(hash)
      return keyId
    })
  const assertOpen = (owner: string): void => {
    if (deletions.has(owner)) throw new AppError('owner-deleted', 'The data of this owner is being deleted')
  }
  return {
    begin: async (owner) => {
      const isLive = (at: Date | null) => at === null || +at > now()
      const admins = [...keys.rows.values()].filter((key) => key.role === 'admin' && key.revokedAt === null)
      const live = admins.filter(({ expiresAt }) => isLive(expiresAt))
      if (live.length > 0 && live.every((admin) => admin.owner === owner)) return 'last-admin'
      const { requestedMs } = deletions.get(owner) ?? { requestedMs: now() }
      deletions.set(owner, deletions.get(owner) ?? { requestedMs, dueMs: now() })
      const keyIds = endKeys(owner)
      const counts = { jobs: ownJobs(owner).length, tokens: ownTokens(owner).length }
      return { owner, requestedAt: new Date(requestedMs), keyIds, ...counts }
    },
    claim: async ({ retryS, limit }) => {
      const due = [...deletions].filter(([, { dueMs }]) => dueMs <= now()).slice(0, limit)
      for (const [owner, { requestedMs }] of due) deletions.set(owner, { requestedMs, dueMs: now() + retryS * 1000 })
      return due.map(([owner, { requestedMs }]) => ({ owner, requestedAt: new Date(requestedMs) }))
    },
    removeJobs: async (owner, jobIds) => {
      for (const [jobId] of ownJobs(owner)) if (jobIds.includes(jobId)) jobs.rows.delete(jobId)
    },
    removeOthers: async (owner) => {
      for (const [key] of ownTokens(owner)) tokens.rows.delete(key)
      for (const [letterId] of ownLetters(owner)) deadLetters.rows.delete(letterId)
      endKeys(owner)
    },
    end: async (owner, settleS) => {
      const deletion = deletions.get(owner)
      const left = [ownJobs, ownTokens, ownKeys, ownLetters].reduce((sum, own) => sum + own(owner).length, 0)
      if (deletion !== undefined && left === 0 && deletion.requestedMs <= now() - settleS * 1000) {
        deletions.delete(owner)
      }
      return !deletions.has(owner)
    },
    guarding: (store) => {
      const create: typeof store.create = async (job) => {
        assertOpen(job.owner)
        return store.create(job)
      }
      return { ...store, create }
    },
    guardingTokens: (store) => {
      const put: typeof store.put = async (owner, tokenId, reference) => {
        assertOpen(owner)
        return store.put(owner, tokenId, reference)
      }
      return { ...store, put }
    },
    guardingKeys: (store) => {
      const guarded =
        <T>(make: (key: NewKey) => Promise<T>) =>
        async (key: NewKey): Promise<T> => {
          assertOpen(key.owner)
          return make(key)
        }
      const ensure: typeof store.ensure = async (key) => {
        if (!keys.ended.has(key.keyHash)) await guarded(store.ensure)(key)
      }
      return { ...store, create: guarded(store.create), ensure }
    },
  }
}
