import { randomBytes } from 'node:crypto'

/**
 * A UUID v7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then random bits, so that ids sort by the time they were made.
 *
 * @param nowMs Unix time in milliseconds
 */
export function createUuidV7(nowMs: number, random: Uint8Array = randomBytes(10)): string {
  const bytes = Buffer.alloc(16)
  bytes.writeUIntBE(nowMs, 0, 6)
  bytes.set(random.subarray(0, 10), 6)
  bytes[6] = 0x70 | (bytes[6]! & 0x0f)
  bytes[8] = 0x80 | (bytes[8]! & 0x3f)
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** True for the canonical lower-case text of a UUID of any version. */
export function isUuid(text: string): boolean {
  return UUID.test(text)
}
