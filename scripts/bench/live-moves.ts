/** Streams that have to move: their process is killed, or they leave by themselves every second. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Figures } from './figures.ts'
import { dispatchAll, type GuaranteesStack, makeStored, PIPELINE, untilUnfinished } from './guarantees-stack.ts'
import { makeOwners, publishSteadily } from './live-owners.ts'
import { createTally, openReader, type Reader } from './live-reader.ts'
import { closeAll, EVENTS_PER_S, OWNERS, openReaders, ROOMY, SETTLE_MS, STREAMS } from './live-streams.ts'
import { benchKey } from './upload-stack.ts'

const GOES_ON_MS = 3000
const LATEST_MS = 60_000
const POLL_MS = 20

/** The process with all streams dies, or stops in order, while events go on; the clients come to another by themselves. */
export async function reportMove(stack: GuaranteesStack, figures: Figures): Promise<void> {
  await move(stack, figures, { name: 'killed', signal: 'SIGKILL' })
  await move(stack, figures, { name: 'drained', signal: 'SIGTERM' })
}

interface Move {
  readonly name: string
  readonly signal: NodeJS.Signals
}

async function move(stack: GuaranteesStack, figures: Figures, { name, signal }: Move): Promise<void> {
  const { ports } = stack
  const owners = await makeOwners(ports, OWNERS, name)
  const [dying, other] = [await stack.startApi(ROOMY), await stack.startApi(ROOMY)]
  const tally = createTally()
  const readers = await openReaders([dying.url, other.url], owners, STREAMS, tally)
  const ending = new AbortController()
  const publishing = publishSteadily(ports, owners, EVENTS_PER_S, ending.signal)
  await pause(SETTLE_MS)
  const killedAt = performance.now()
  process.kill(dying.pid, signal)
  await pause(GOES_ON_MS)
  ending.abort()
  const sent = await publishing
  const heads = await Promise.all(owners.map(({ name }) => ports.progress.head(name)))
  const isCaughtUp = (reader: Reader, n: number): boolean => reader.seq() >= heads[n % owners.length]!.seq
  while (!readers.every(isCaughtUp) && performance.now() - killedAt < LATEST_MS) await pause(POLL_MS)
  const tookS = (performance.now() - killedAt) / 1000
  const behind = readers.filter((reader, n) => !isCaughtUp(reader, n)).length
  const more = { streams: STREAMS, events: sent, published_on_s: GOES_ON_MS / 1000, behind }
  figures.add(
    { name: `${name}-within`, value: behind === 0 ? tookS : LATEST_MS, unit: 's', target: 10, bound: 'most' },
    more,
  )
  const faults = tally.lost + tally.doubled + tally.disordered + tally.gaps
  figures.add(
    { name: `${name}-faults`, value: faults, unit: 'events', target: 0, bound: 'most' },
    { ...tally, latenciesMs: undefined },
  )
  await closeAll(readers)
  await other.stop()
}

const JOBS = 200
const JOBS_PER_S = 20
const STAYS_MS = 1000

/** One owner's jobs, three instances, and a reader that is somewhere else every second. */
export async function reportRestless(stack: GuaranteesStack, figures: Figures): Promise<void> {
  const roles = await Promise.all(PIPELINE.map((role) => stack.startRole(role)))
  for (const role of roles) await role.go()
  const apis = [await stack.startApi(ROOMY), await stack.startApi(ROOMY), await stack.startApi(ROOMY)]
  const urls = apis.map(({ url }) => new URL(url))
  const tally = createTally()
  const steps = new Map<string, { progress: number; ends: number }>()
  let regressed = 0
  const onEvent = (event: string, data: string): void => {
    if (event === 'snapshot' || event === 'gap') return
    const { job_id: jobId, progress, status } = JSON.parse(data)
    const last = steps.get(jobId) ?? { progress: -1, ends: 0 }
    if (progress <= last.progress) regressed += 1
    steps.set(jobId, { progress, ends: last.ends + (['completed', 'failed', 'cancelled'].includes(status) ? 1 : 0) })
  }
  const reader = openReader({ urls, path: '/v1/events', key: benchKey(1), tally, onEvent })
  await reader.placed
  const leaving = setInterval(() => reader.leave(), STAYS_MS)
  await dispatchAll(stack.ports, await makeStored(stack.ports, JOBS, 'owner-1'), JOBS_PER_S)
  await untilUnfinished(stack.ports, 0)
  const head = await stack.ports.progress.head('owner-1')
  const startedAt = performance.now()
  while (reader.seq() < head.seq && performance.now() - startedAt < LATEST_MS) await pause(POLL_MS)
  clearInterval(leaving)
  const ended = [...steps.values()].filter(({ ends }) => ends === 1).length
  const more = { jobs: JOBS, instances: apis.length, connections: reader.connections, ended }
  const lost = tally.lost + (head.seq - reader.seq()) + (JOBS - ended)
  figures.add({ name: 'restless-lost', value: lost, unit: 'events', target: 0, bound: 'most' }, more)
  const faults = regressed + tally.doubled + tally.disordered + tally.gaps
  figures.add({ name: 'restless-regress', value: faults, unit: 'events', target: 0, bound: 'most' })
  await reader.close()
  for (const { stop } of [...apis, ...roles]) await stop()
}
