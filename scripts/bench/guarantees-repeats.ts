/** Answers that come several times and in any order: each is applied once, the others are acknowledged. */
import { formatCompletedAnswer } from '../../src/domain/messages.ts'
import type { LogEntry, LogSlice, Ports } from '../../src/ports.ts'
import type { Figures } from './figures.ts'
import { type GuaranteesStack, makeStored, OWNERS } from './guarantees-stack.ts'
import { createRandom, type Random } from './random.ts'

const JOBS = 2500
const COPIES = 4
const BOUND_MS = 120_000
const RESULT = JSON.stringify({ version: 1, analysis_version: 'null' })

export async function reportRepeats(stack: GuaranteesStack, figures: Figures, seed: number): Promise<void> {
  const { ports } = stack
  const jobs = await makeStored(ports, JOBS)
  const messages = jobs.flatMap(({ jobId, attempt, owner }) => {
    const body = formatCompletedAnswer({ jobId, attempt, durationS: 1 }, RESULT)
    return Array.from({ length: COPIES }, () => ({ body, groupId: owner }))
  })
  shuffle(messages, createRandom(seed))
  const refused = (await ports.resultQueue.send(messages)).filter((failure) => failure !== undefined)
  if (refused[0] !== undefined) throw refused[0]
  const record = await stack.startRole('record')
  await record.go()
  await untilEmpty(ports)
  const { results = {} } = await record.halt()
  await record.stop()
  const depth = await ports.resultQueue.depth()
  const rows = await ports.jobs.findMany(jobs.map(({ jobId }) => jobId))
  const told = await countEnds(ports)
  const more = { jobs: JOBS, copies: COPIES, seed, results, depth }
  const wrong = jobs.filter(({ jobId }) => told.get(jobId) !== 1).length
  const unapplied =
    Math.abs((results.completed ?? 0) - JOBS) + rows.filter(({ status }) => status !== 'completed').length
  const most = { unit: 'answers', target: 0, bound: 'most' } as const
  figures.add({ name: 'results-not-applied-once', value: unapplied + wrong, ...most }, more)
  const unacknowledged = Math.abs((results.repeat ?? 0) - JOBS * (COPIES - 1))
  figures.add({ name: 'repeats-not-acknowledged', value: unacknowledged, ...most }, more)
  figures.add({ name: 'results-left', value: depth.visible + depth.inFlight + depth.dead, ...most })
}

async function untilEmpty(ports: Ports): Promise<void> {
  const endMs = performance.now() + BOUND_MS
  for (;;) {
    const { visible, inFlight } = await ports.resultQueue.depth()
    if (visible + inFlight === 0) return
    if (performance.now() > endMs) throw new Error(`${visible + inFlight} answers are left after ${BOUND_MS} ms`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** How often each job's end was told to its owner. */
async function countEnds(ports: Ports): Promise<Map<string, number>> {
  const ends = new Map<string, number>()
  for (let n = 0; n < OWNERS; n++) {
    const { epoch } = await ports.progress.head(`owner-${n}`)
    for (let seq: number | undefined = 0; seq !== undefined; ) {
      const { entries }: LogSlice = await ports.progress.read(`owner-${n}`, { epoch, seq })
      for (const { event } of entries) if (isEnd(event)) ends.set(event.jobId, (ends.get(event.jobId) ?? 0) + 1)
      seq = entries.at(-1)?.seq
    }
  }
  return ends
}

function isEnd(event: LogEntry['event']): event is LogEntry['event'] & { readonly jobId: string } {
  return event.status === 'completed'
}

/** Fisher & Yates. */
function shuffle(items: unknown[], random: Random): void {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random.next() * (last + 1))
    ;[items[last], items[other]] = [items[other], items[last]]
  }
}
