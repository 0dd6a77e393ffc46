/**
 * Whether an outage was felt: one that nobody noticed proves nothing. Each answers with what is wrong, which is nothing
 * when it was felt in time.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { World } from './world.ts'

const POLL_MS = 100
const FELT_WITHIN_MS = 10_000

/** The API's own gauge says that it cannot reach it. */
export function faultsUnlessDown({ url }: World, dependency: 'redis' | 'sqs' | 'storage'): Promise<string[]> {
  const line = `tonewire_dependency_up{dependency="${dependency}"} 0`
  return faultsUnless(`the API never noticed that ${dependency} was away`, async () => {
    const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(FELT_WITHIN_MS) })
    return (await answer.text()).split('\n').includes(line)
  })
}

/** The timeline of one of the owner's jobs says so. */
export function faultsUnlessNoted(
  { database }: World,
  owner: string,
  hop: 'dispatch' | 'reconcile' | 'direct',
  outcome: 'deferred' | 'sent-again' | 'unavailable',
): Promise<string[]> {
  return faultsUnless(`no job of ${owner} was ${outcome}`, async () => {
    const { rowCount } = await database.query(
      `select from job_timeline t join jobs j using (job_id)
       where j.owner = $1 and t.hop = $2 and t.outcome = $3 limit 1`,
      [owner, hop, outcome],
    )
    return rowCount === 1
  })
}

async function faultsUnless(fault: string, isFelt: () => Promise<boolean>): Promise<string[]> {
  const startedAt = performance.now()
  while (performance.now() - startedAt < FELT_WITHIN_MS) {
    // Who is asked may be away for the moment: the next time will do.
    if (await isFelt().catch(() => false)) return []
    await delay(POLL_MS)
  }
  return [fault]
}
