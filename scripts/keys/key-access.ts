/** The two ways to the keys: a running API, or the database itself (for the first admin key). */
import { loadConfig } from '../../src/config.ts'
import type { Role } from '../../src/domain/api-key.ts'
import type { KeyView, MadeKeyView } from '../../src/http/key-schemas.ts'
import { toKeyView } from '../../src/http/key-view.ts'
import { createKey, revokeKey } from '../../src/services/manage-keys.ts'
import { openDatabase } from '../../src/storage/database.ts'
import { createKeyStore } from '../../src/storage/key-store.ts'
import { createOwnerSecretStore } from '../../src/storage/owner-secret-store.ts'
import type { ApiClient } from './api-client.ts'
import type { Environment } from './run-command.ts'

export interface KeyRequest {
  readonly owner: string
  readonly role: Role
  readonly name: string
  readonly expiresAt: Date | null
}

export interface KeyAccess {
  create(request: KeyRequest): Promise<MadeKeyView>
  /** Every key, newest first. */
  list(owner: string | undefined): Promise<KeyView[]>
  revoke(keyId: string): Promise<void>
  /** Makes the owner a new secret for callbacks and returns it. */
  rotateSecret(owner: string): Promise<string>
  close(): Promise<void>
}

const PAGE_SIZE = 100

export function keysOverHttp(call: ApiClient): KeyAccess {
  return {
    create: async ({ owner, role, name, expiresAt }) =>
      (await call('POST', '/v1/admin/keys', {
        body: { owner, role, name, expires_at: expiresAt?.toISOString() ?? null },
      })) as MadeKeyView,
    list: async (owner) => {
      const items: KeyView[] = []
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const query = { limit: String(PAGE_SIZE), ...(owner && { owner }), ...(cursor && { cursor }) }
        const page = (await call('GET', '/v1/admin/keys', { query })) as {
          items: KeyView[]
          next_cursor: string | null
        }
        items.push(...page.items)
        cursor = page.next_cursor
      }
      return items
    },
    revoke: async (keyId) => void (await call('DELETE', `/v1/admin/keys/${encodeURIComponent(keyId)}`)),
    rotateSecret: async (owner) => {
      const path = `/v1/admin/owners/${encodeURIComponent(owner)}/secret`
      return ((await call('POST', path)) as { secret: string }).secret
    },
    close: async () => {},
  }
}

export function keysInDatabase(env: Environment): KeyAccess {
  const { databaseUrl = '' } = loadConfig(env)
  const db = openDatabase({ url: databaseUrl, poolSize: 1 })
  const ports = { keys: createKeyStore(db) }
  return {
    create: async (request) => {
      const { text, key } = await createKey(ports, request)
      return { key: text, ...toKeyView(key) }
    },
    list: async (owner) => {
      const items: KeyView[] = []
      for (let more = true; more; ) {
        const page = await ports.keys.list({ owner, after: items.at(-1)?.key_id, limit: PAGE_SIZE })
        items.push(...page.map(toKeyView))
        more = page.length === PAGE_SIZE
      }
      return items
    },
    revoke: (keyId) => revokeKey(ports, keyId),
    rotateSecret: (owner) => createOwnerSecretStore(db).rotate(owner),
    close: () => db.destroy(),
  }
}
