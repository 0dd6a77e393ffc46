import assert from 'node:assert/strict'
import { isTerminal, JOB_STATUSES, rankOf } from '../../src/domain/job.ts'
import type { ProgressEvent } from '../../src/domain/progress-event.ts'
import type { LogEntry, ProgressLog } from '../../src/ports.ts'
import { eventsOf } from './progress-log.ts'

/** Random numbers in [0, 1) that a seed repeats (Steele & Vigna's SplitMix32 mixer). */
export function createRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let z = state ^ (state >>> 16)
    z = Math.imul(z, 0x21f0aaad)
    z ^= z >>> 15
    z = Math.imul(z, 0x735a2d97)
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32
  }
}

/**
 * Several writers publish random states of a few jobs in random batches, repeats and late ones among them, now and then
 * with a flush between. Rows are played by the furthest state that any writer has tried, from which seeds are made.
 */
export async function publishAtRandom(
  writers: readonly ProgressLog[],
  flush: () => Promise<void>,
  { seed, rounds, owner }: { seed: number; rounds: number; owner: string },
): Promise<void> {
  const random = createRandom(seed)
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
  const jobs = Array.from({ length: 5 }, () => eventsOf({ owner }))
  let born = 0
  const randomEvent = (job: ReturnType<typeof eventsOf>) =>
    job(pick(JOB_STATUSES), Math.floor(random() * 101), 1 + Math.floor(random() * 3))
  for (let round = 0; round < rounds; round += 1) {
    // Jobs end soon under random events: a new one takes the place of the oldest.
    if (random() < 0.2) jobs[born++ % jobs.length] = eventsOf({ owner })
    const works = writers.map((writer) => {
      const entries = Array.from({ length: 1 + Math.floor(random() * 4) }, () => {
        const job = pick(jobs)
        return random() < 0.7 ? { event: randomEvent(job), seed: randomEvent(job) } : { event: randomEvent(job) }
      })
      return writer.publish(entries)
    })
    if (random() < 0.02) works.push(flush().then(() => []))
    await Promise.all(works)
  }
}

/** Throws unless entries, in the order they were heard, keep every promise of the log. */
export function assertWellFormed(entries: readonly LogEntry[]): void {
  const epochs = new Set<string>()
  const reached = new Map<string, Step>()
  let last: LogEntry | undefined
  for (const entry of entries) {
    if (entry.epoch !== last?.epoch) {
      assert.ok(!epochs.has(entry.epoch), 'an epoch comes back')
      assert.equal(entry.seq, 1, 'an epoch starts with its first position')
      epochs.add(entry.epoch)
      reached.clear()
    } else {
      assert.equal(entry.seq, last.seq + 1, 'positions have no gaps')
    }
    last = entry
    const { event } = entry
    if (event.jobId === undefined) continue
    const before = reached.get(event.jobId)
    if (before !== undefined) assertAhead(event, before)
    const { progress } = JSON.parse(event.data) as { progress: number }
    assert.equal(progress, event.progress, 'the data tell the same progress')
    reached.set(event.jobId, event)
  }
}

type Step = Omit<ProgressEvent, 'owner'>

function assertAhead(event: Step, before: Step): void {
  assert.ok(event.attempt >= before.attempt, 'attempts never go back')
  if (event.attempt > before.attempt) return
  assert.ok(!isTerminal(before.status), `nothing follows ${before.status}`)
  const [rank, reached] = [rankOf(event.status), rankOf(before.status)]
  assert.ok(rank >= reached && event.progress >= before.progress, 'neither rank nor progress goes back')
  assert.ok(rank > reached || event.progress > before.progress, 'no event comes twice')
}
