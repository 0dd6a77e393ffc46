/** Owners with keys, the jobs they have, and what is told of them. */
import { hashKey } from '../../src/domain/api-key.ts'
import { createUuidV7 } from '../../src/domain/ids.ts'
import type { JobStatus } from '../../src/domain/job.ts'
import type { ProgressEvent } from '../../src/domain/progress-event.ts'
import type { Ports } from '../../src/ports.ts'
import { stampOf } from './live-reader.ts'

export interface LiveOwner {
  readonly name: string
  readonly key: string
}

const KEYS_AT_ONCE = 20

export async function makeOwners({ keys }: Ports, count: number, prefix: string): Promise<LiveOwner[]> {
  const owners = Array.from({ length: count }, (_, n) => ({ name: `${prefix}-${n}`, key: `live-key-${prefix}-${n}` }))
  for (let i = 0; i < owners.length; i += KEYS_AT_ONCE) {
    const some = owners.slice(i, i + KEYS_AT_ONCE)
    await Promise.all(
      some.map(({ name, key }) => keys.ensure({ owner: name, role: 'user', keyHash: hashKey(key), name: 'bench' })),
    )
  }
  return owners
}

export function eventOf(
  { owner, jobId }: { owner: string; jobId: string },
  status: JobStatus,
  progress: number,
  message = stampOf(performance.now()),
): ProgressEvent {
  const at = new Date().toISOString()
  const data = { job_id: jobId, token_id: null, status, progress, message, attempt: 1, at }
  return { owner, jobId, attempt: 1, status, progress, data: JSON.stringify(data) }
}

/** From one analysis's beginning to its end, a percentage each. */
const [FIRST, LAST] = [66, 94]

/** Publishes so many events a second, each of another owner in turn; resolves with how many there were. */
export async function publishSteadily(
  { progress }: Ports,
  owners: readonly LiveOwner[],
  perS: number,
  until: AbortSignal,
): Promise<number> {
  const jobs = owners.map(({ name }) => ({ owner: name, jobId: createUuidV7(Date.now()), at: FIRST }))
  const startedAt = performance.now()
  let sent = 0
  const flying: Promise<unknown>[] = []
  while (!until.aborted) {
    const due = Math.floor(((performance.now() - startedAt) * perS) / 1000)
    for (; sent < due; sent += 1) {
      const job = jobs[sent % jobs.length]!
      const event = job.at > LAST ? eventOf(job, 'completed', 100) : eventOf(job, 'analysing', job.at)
      flying.push(progress.publish([{ event, seed: event }]))
      if (job.at > LAST) Object.assign(job, { jobId: createUuidV7(Date.now()), at: FIRST })
      else job.at += 1
    }
    await new Promise((resolve) => setTimeout(resolve, 1000 / perS))
  }
  await Promise.all(flying)
  return sent
}
