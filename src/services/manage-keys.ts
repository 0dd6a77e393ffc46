/** Making and revoking API keys. */
import { createKeyText, hashKey, type Role } from '../domain/api-key.ts'
import { AppError } from '../domain/errors.ts'
import type { KeyRecord, Ports } from '../ports.ts'

export interface KeyRequest {
  readonly owner: string
  readonly role: Role
  readonly name: string
  readonly expiresAt: Date | null
}

/**
 * Makes a key. Its text is in this answer only: nobody can read it again.
 *
 * @throws AppError `request-invalid` when it would have expired already
 */
export async function createKey(
  { keys }: Pick<Ports, 'keys'>,
  request: KeyRequest,
): Promise<{ text: string; key: KeyRecord }> {
  if (request.expiresAt !== null && !(request.expiresAt.getTime() > Date.now())) {
    throw new AppError('request-invalid', 'expires_at: is not a time to come')
  }
  const text = createKeyText()
  return { text, key: await keys.create({ ...request, keyHash: hashKey(text) }) }
}

/**
 * Revokes a key; a repeat is harmless. The last live admin key stays: without it nobody could make another but by the
 * database. To replace it, make its successor first.
 *
 * @throws AppError `key-not-found`, `last-admin-key`
 */
export async function revokeKey({ keys }: Pick<Ports, 'keys'>, keyId: string): Promise<void> {
  const outcome = await keys.revoke(keyId)
  if (outcome === 'unknown') throw new AppError('key-not-found', `There is no key ${keyId}`)
  if (outcome === 'last-admin') {
    throw new AppError('last-admin-key', 'This is the last admin key in force. Make another one first, then revoke it.')
  }
}
