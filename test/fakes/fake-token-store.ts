import type { TokenReference } from '../../src/domain/reference.ts'
import type { TokenStore } from '../../src/ports.ts'

export interface FakeTokenStore extends TokenStore {
  /** What is kept, for the twins of the stores that look at the same table. */
  readonly rows: Map<string, TokenReference>
}

/** Reference material in memory. */
export function createFakeTokenStore({ now = Date.now }: { now?: () => number } = {}): FakeTokenStore {
  const rows = new Map<string, TokenReference>()
  const keyOf = (owner: string, tokenId: string): string => `${owner}\n${tokenId}`
  return {
    rows,
    put: async (owner, tokenId, keys) => {
      const at = new Date(now())
      const before = rows.get(keyOf(owner, tokenId))
      const kept = keys.audioKey === null ? before : undefined
      const row = {
        owner,
        tokenId,
        audioKey: keys.audioKey ?? kept?.audioKey ?? null,
        audioSha256: keys.audioSha256 ?? kept?.audioSha256 ?? null,
        textgridKey: keys.textgridKey ?? kept?.textgridKey ?? null,
        pitchKey: keys.pitchKey ?? kept?.pitchKey ?? null,
        createdAt: before?.createdAt ?? at,
        updatedAt: at,
      }
      if ((row.audioKey ?? row.textgridKey ?? row.pitchKey) === null) throw new Error('a token has at least one kind')
      rows.set(keyOf(owner, tokenId), row)
      return row
    },
    find: async (owner, tokenId) => rows.get(keyOf(owner, tokenId)),
    list: async (owner, { after = '', limit }) =>
      [...rows.values()]
        .filter((row) => row.owner === owner && row.tokenId > after)
        .sort((a, b) => (a.tokenId < b.tokenId ? -1 : 1))
        .slice(0, limit),
    remove: async (owner, tokenId) => rows.delete(keyOf(owner, tokenId)),
  }
}
