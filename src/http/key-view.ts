import type { KeyRecord } from '../ports.ts'
import type { KeyView } from './key-schemas.ts'

/** A key as the wire has it; its text and hash are not in it. */
export function toKeyView(key: KeyRecord): KeyView {
  return {
    key_id: key.keyId,
    owner: key.owner,
    role: key.role,
    name: key.name,
    created_at: key.createdAt.toISOString(),
    expires_at: key.expiresAt?.toISOString() ?? null,
    revoked_at: key.revokedAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
  }
}
