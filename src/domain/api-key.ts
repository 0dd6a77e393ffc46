/** API keys: the text that a client sends, and what is kept of it. */
import { hash, randomBytes } from 'node:crypto'

export type Role = 'user' | 'admin'
export const ROLES_OF_KEYS = ['user', 'admin'] as const satisfies readonly Role[]

/** An owner's name: 1–64 characters, the first a letter or a digit. */
export const OWNER_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._@|+-]{0,63}$'
const OWNER = new RegExp(OWNER_PATTERN)

export function isOwner(text: string): boolean {
  return OWNER.test(text)
}

/** A new key's text: 256 random bits, so that its bare SHA-256 cannot be guessed back; the prefix is for secret scanners. */
export function createKeyText(random: Uint8Array = randomBytes(32)): string {
  return `tw_${Buffer.from(random).toString('base64url')}`
}

/** SHA-256 in hex: the only thing that is stored of a key, and what it is found by. */
export function hashKey(key: string): string {
  return hash('sha256', key)
}
