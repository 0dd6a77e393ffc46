import { formatCursor } from '../domain/cursor.ts'
import type { Ports } from '../ports.ts'

/** Where the owner's log is now; null while it cannot be reached. */
export async function currentCursor(
  { progress, log }: Pick<Ports, 'progress' | 'log'>,
  owner: string,
): Promise<string | null> {
  try {
    return formatCursor(await progress.head(owner))
  } catch (error) {
    log.debug({ err: error }, 'no event cursor')
    return null
  }
}
