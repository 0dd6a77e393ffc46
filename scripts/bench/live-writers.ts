/** Two processes that tell of the same jobs in random order: no reader may see one go back, or end twice. */

import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import type { Figures } from './figures.ts'
import type { GuaranteesStack } from './guarantees-stack.ts'
import { makeOwners } from './live-owners.ts'
import { createTally, openReader } from './live-reader.ts'
import { ROOMY, SETTLE_MS } from './live-streams.ts'

const JOBS = 1000
const WRITERS = 2
const READERS = 4

export async function reportWriters(stack: GuaranteesStack, figures: Figures, seed: number): Promise<void> {
  const [owner] = await makeOwners(stack.ports, 1, 'writers')
  if (owner === undefined) return
  const apis = [await stack.startApi(ROOMY), await stack.startApi(ROOMY)]
  let [back, endedAgain] = [0, 0]
  const ended: Set<string>[] = []
  const tally = createTally()
  const readers = Array.from({ length: READERS }, (_, n) => {
    const last = new Map<string, number>()
    const ends = new Set<string>()
    ended.push(ends)
    const onEvent = (event: string, data: string): void => {
      if (event === 'gap') return
      const { job_id: jobId, progress } = JSON.parse(data)
      if (progress <= (last.get(jobId) ?? -1)) back += 1
      if (ends.has(jobId)) endedAgain += 1
      last.set(jobId, progress)
      if (event === 'completed') ends.add(jobId)
    }
    const url = new URL(apis[n % apis.length]!.url)
    return openReader({ urls: [url], path: '/v1/events', key: owner.key, tally, onEvent })
  })
  await Promise.all(readers.map(({ placed }) => placed))
  const writers = Array.from({ length: WRITERS }, (_, n) =>
    stack.startScript(['scripts/bench/live-writer.ts', owner.name, String(JOBS), String(seed + n)]),
  )
  const exits = await Promise.all(writers.map((writer) => once(writer, 'exit') as Promise<[number | null]>))
  for (const [code] of exits) if (code !== 0) throw new Error(`a writer ended with ${code}`)
  const head = await stack.ports.progress.head(owner.name)
  const endMs = performance.now() + 30_000
  while (readers.some((reader) => reader.seq() < head.seq) && performance.now() < endMs) await pause(20)
  await pause(SETTLE_MS / 10)
  const unended = ended.reduce((sum, ends) => sum + JOBS - ends.size, 0)
  const more = { jobs: JOBS, writers: WRITERS, readers: READERS, entries: head.seq }
  figures.add({ name: 'writers-regress', value: back, unit: 'events', target: 0, bound: 'most' }, more)
  figures.add({ name: 'writers-ends', value: endedAgain + unended, unit: 'wrong', target: 0, bound: 'most' })
  // Whoever reads more slowly than this storm may miss percentages, and nothing else.
  const faults = tally.doubled + tally.disordered + tally.gaps
  const dropped = { percentages_dropped: tally.lost }
  figures.add({ name: 'writers-order', value: faults, unit: 'events', target: 0, bound: 'most' }, dropped)
  for (const reader of readers) await reader.close()
  for (const { stop } of apis) await stop()
}
