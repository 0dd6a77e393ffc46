/**
 * A small body that is read whole, such as a text that is checked before it is stored. Its memory is taken from the
 * process's budget before its first byte is read (invariant 7), and goes back when nobody needs the bytes any more.
 */
import type { Readable } from 'node:stream'
import type { AppError } from '../domain/errors.ts'
import type { HeldMemory } from '../ports/memory.ts'
import type { Ports } from '../ports.ts'
import { ANY_PACE, type Pace } from './pace.ts'

export interface WholeRules {
  readonly maxBytes: number
  /** What a larger body fails with. */
  readonly tooLarge: () => AppError
  /** Ends the waiting for memory; whoever aborts it destroys the body. */
  readonly signal: AbortSignal
  readonly pace?: Pace
}

/** In steps, so that a buffer fits the next body too. */
const STEP_BYTES = 64 * 1024

/**
 * Calls `use` with all of the body's bytes, which are its own until it is done, and answers what it does.
 *
 * @throws AppError `upload-too-slow` when others have waited too long for the memory; the body is destroyed then.
 *   Whatever the body, the signal or `use` fails with
 */
export async function withWhole<T>(
  { memory }: Pick<Ports, 'memory'>,
  body: Readable,
  rules: WholeRules,
  use: (bytes: Buffer) => Promise<T>,
): Promise<T> {
  const held = await memory.take(Math.ceil(Math.max(1, rules.maxBytes) / STEP_BYTES) * STEP_BYTES, rules.signal)
  let reusable = false
  try {
    const answer = await use(await fill(held, body, rules))
    reusable = true
    return answer
  } finally {
    // After a failure somebody may still be reading: a request that was broken off, say.
    held.release({ reusable })
  }
}

async function fill({ buffer, whileFilling }: HeldMemory, body: Readable, rules: WholeRules): Promise<Buffer> {
  const { pace = ANY_PACE, maxBytes } = rules
  const unwatch = whileFilling((error) => body.destroy(error))
  let filled = 0
  try {
    pace.waiting()
    for await (const chunk of body as AsyncIterable<Buffer>) {
      pace.received(chunk.length)
      if (filled + chunk.length > Math.min(maxBytes, buffer.length)) throw rules.tooLarge()
      filled += chunk.copy(buffer, filled)
      pace.waiting()
    }
    return buffer.subarray(0, filled)
  } finally {
    pace.received(0)
    unwatch()
  }
}
