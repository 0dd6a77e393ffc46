import { setImmediate } from 'node:timers/promises'
import type { Ports } from '../ports.ts'
import type { Following } from './follower.ts'

const OWNERS_AT_ONCE = 200

/**
 * What was published may get lost between the nodes of a cluster, and a subscriber may be unable to come back while
 * commands work: nobody tells the readers. So where each log ends is asked for once, and whoever is not there reads it.
 * While the log is away nothing is asked for; its readers are told when it is back.
 *
 * @param readers of each owner
 */
export async function checkHeads(
  { progress, log }: Pick<Ports, 'progress' | 'log'>,
  readers: ReadonlyMap<string, readonly Following[]>,
): Promise<void> {
  const owners = [...readers.keys()]
  try {
    for (let i = 0; i < owners.length; i += OWNERS_AT_ONCE) {
      const some = owners.slice(i, i + OWNERS_AT_ONCE)
      const heads = await Promise.all(some.map((owner) => progress.head(owner)))
      // What has arrived by now is heard first.
      await setImmediate()
      for (const [index, owner] of some.entries()) {
        for (const reader of readers.get(owner) ?? []) reader.checkHead(heads[index]!)
      }
    }
  } catch (error) {
    log.debug({ err: error }, 'ends of followed logs not read')
  }
}
