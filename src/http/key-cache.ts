/** Found keys, remembered for a moment, so that a request of a known key asks the database nothing. */
import type { ApiKey, KeyStore, Log } from '../ports.ts'

/** A key that was revoked, or expired, is refused after this long at the latest; on the process that revoked it at once. */
const CACHE_MS = 5_000
const CACHE_SIZE = 10_000
/** The store writes once a minute at most; asking it more often would be for nothing. */
const TOUCH_MS = 60_000

export interface KeyCache {
  findByHash(keyHash: string): Promise<ApiKey | undefined>
  findById(keyId: string): Promise<ApiKey | undefined>
  /** Drops what is remembered of a key, because it was revoked. */
  forget(keyId: string): void
  /** Notes that a key is in use, beside the request: nobody waits for it, and when it fails that is only logged. */
  noteUse(keyId: string): void
  /** Resolves when no note is being written any more. */
  settle(): Promise<void>
}

/** Only what was found is remembered: an unknown key is asked for each time, so that a new one works at once. */
export function createKeyCache(keys: KeyStore, log: Log, nowMs: () => number = Date.now): KeyCache {
  const kept = new Map<string, { key: ApiKey; until: number }>()
  let revocations = 0
  const find = async (name: string, read: () => Promise<ApiKey | undefined>): Promise<ApiKey | undefined> => {
    const hit = kept.get(name)
    if (hit !== undefined && hit.until > nowMs()) return hit.key
    kept.delete(name)
    const seen = revocations
    const key = await read()
    // What was read before a revocation must not be remembered after it.
    if (key === undefined || seen !== revocations) return key
    if (kept.size >= CACHE_SIZE) kept.clear()
    kept.set(name, { key, until: Math.min(nowMs() + CACHE_MS, key.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY) })
    return key
  }
  return {
    findByHash: (keyHash) => find(keyHash, () => keys.findByHash(keyHash)),
    findById: (keyId) => find(keyId, () => keys.findById(keyId)),
    forget: (keyId) => {
      revocations += 1
      for (const [name, { key }] of kept) if (key.keyId === keyId) kept.delete(name)
    },
    ...createUseNotes(keys, log, nowMs),
  }
}

function createUseNotes(keys: KeyStore, log: Log, nowMs: () => number): Pick<KeyCache, 'noteUse' | 'settle'> {
  const notedAt = new Map<string, number>()
  const writing = new Set<Promise<void>>()
  const write = async (keyId: string): Promise<void> => {
    try {
      await keys.touch(keyId)
    } catch (error) {
      log.warn({ err: error, keyId }, 'use of a key not noted')
    }
  }
  return {
    noteUse: (keyId) => {
      const now = nowMs()
      if (now - (notedAt.get(keyId) ?? Number.NEGATIVE_INFINITY) < TOUCH_MS) return
      if (notedAt.size >= CACHE_SIZE) notedAt.clear()
      notedAt.set(keyId, now)
      const written = write(keyId)
      writing.add(written)
      void written.finally(() => writing.delete(written))
    },
    settle: async () => {
      await Promise.all(writing)
    },
  }
}
