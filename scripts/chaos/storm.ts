/** The worst day: a role is killed every two seconds while uploads keep coming. */
import { setTimeout as delay } from 'node:timers/promises'
import { createRandom } from '../bench/random.ts'
import { type Outcome, runUnder } from './kills.ts'
import type { World } from './world.ts'

export interface Storm {
  readonly seconds: number
  readonly uploadsPerS: number
}

const KILL_EVERY_MS = 2000
const AFTERWARDS_MS = 60_000
/** One in so many is followed by its stream; the row speaks for the others. */
const FOLLOWED = 10

/** All jobs have completed within a minute from the last kill. */
export function runStorm(world: World, { seconds, uploadsPerS }: Storm, seed: number): Promise<Outcome> {
  const random = createRandom(seed)
  const boundMs = seconds * 1000 + 2 * AFTERWARDS_MS
  return runUnder(world, { kinds: [], boundMs }, async ({ more }) => {
    const uploads: Promise<void>[] = []
    const startedAt = performance.now()
    let kills = 0
    let lastKillAt = startedAt
    const killedBefore = killed(world)
    for (let sent = 0; sent < seconds * uploadsPerS; sent++) {
      const now = performance.now() - startedAt
      if (now >= (kills + 1) * KILL_EVERY_MS) {
        world.crew.kill(world.roles[Math.floor(random.next() * world.roles.length)] ?? 'api')
        lastKillAt = performance.now()
        kills += 1
      }
      uploads.push(more([sent % FOLLOWED === 0 ? 'tone' : 'quiet']))
      await delay(Math.max(0, ((sent + 1) * 1000) / uploadsPerS - now))
    }
    await Promise.all(uploads)
    const landed = killed(world) - killedBefore
    const faults = landed === kills ? [] : [`of ${kills} kills ${landed} ended a process`]
    return { faults, within: { sinceMs: lastKillAt, ms: AFTERWARDS_MS } }
  })
}

function killed({ crew, roles }: World): number {
  return roles.reduce((sum, role) => sum + crew.kills(role), 0)
}
