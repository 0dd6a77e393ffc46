import { randomUUID } from 'node:crypto'

/**
 * A UUID v7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then random bits, so that ids sort by the time they were made.
 *
 * @param nowMs Unix time in milliseconds
 * @param random a UUID v4, whose random bits are taken: Node makes many of them at once
 */
export function createUuidV7(nowMs: number, random: string = randomUUID()): string {
  const time = nowMs.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15)}`
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** True for the canonical lower-case text of a UUID of any version. */
export function isUuid(text: string): boolean {
  return UUID.test(text)
}
