/** Hostile requests that somebody thought of, with what is random in them drawn from the seed. */
import { HOSTILE_BODIES } from './upload-hostile-bodies.ts'
import { HOSTILE_HEADS } from './upload-hostile-heads.ts'
import type { HostileContext, HostileRequest } from './upload-hostile-requests.ts'

/** So many, every kind in turn. */
export function madeByHand(count: number, context: HostileContext): HostileRequest[] {
  const kinds = Object.entries({ ...HOSTILE_BODIES, ...HOSTILE_HEADS })
  return Array.from({ length: count }, (_, index) => {
    const [name, make] = kinds[index % kinds.length]!
    return { name, complete: name in HOSTILE_BODIES, ...make(context) }
  })
}
