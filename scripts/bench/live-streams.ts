/** Thousands of open streams of one process: what an event takes to all of them, and what they cost. */

import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Figures } from './figures.ts'
import type { GuaranteesStack } from './guarantees-stack.ts'
import { openInspector } from './live-inspector.ts'
import { type LiveOwner, makeOwners, publishSteadily } from './live-owners.ts'
import { createTally, openReader, type Reader, type Tally } from './live-reader.ts'
import type { BenchProcess } from './upload-process.ts'

export const STREAMS = 5000
export const OWNERS = 500
export const EVENTS_PER_S = 200
const LASTS_MS = 20_000
const WARM_UP_MS = 3000
const WARM_UP_STREAMS = 500
const AT_ONCE = 100
/** For what is under way to arrive, and for idle buffers to be given back. */
export const SETTLE_MS = 2000
/** Nothing but streams is measured: no limit is to stand in their way. */
export const ROOMY = { MAX_STREAMS: '20000', MAX_STREAMS_PER_OWNER: '20000', RATE_LIMIT_REQUESTS_PER_S: '0' }

/** Opens so many, in turn for each owner, and resolves when each knows its place. */
export async function openReaders(
  urls: readonly string[],
  owners: readonly LiveOwner[],
  count: number,
  tally: Tally,
): Promise<Reader[]> {
  const readers: Reader[] = []
  const places = urls.map((url) => new URL(url))
  while (readers.length < count) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - readers.length) }, (_, n) => {
      const { key } = owners[(readers.length + n) % owners.length]!
      return openReader({ urls: places, path: '/v1/events', key, tally })
    })
    await Promise.all(some.map(({ placed }) => placed))
    readers.push(...some)
  }
  return readers
}

export async function closeAll(readers: readonly Reader[]): Promise<void> {
  await Promise.all(readers.map((reader) => reader.close()))
}

function rssKib({ pid }: BenchProcess): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

export async function reportStreams(stack: GuaranteesStack, figures: Figures): Promise<void> {
  const owners = await makeOwners(stack.ports, OWNERS, 'streams')
  const api = await stack.startApi(ROOMY)
  await closeAll(await openReaders([api.url], owners, WARM_UP_STREAMS, createTally()))
  await pause(SETTLE_MS)
  const before = rssKib(api)
  const tally = createTally()
  const readers = await openReaders([api.url], owners, STREAMS, tally)
  await pause(SETTLE_MS)
  const perStream = (rssKib(api) - before) / STREAMS
  figures.add(
    { name: 'memory-per-stream', value: perStream, unit: 'KiB', target: 20, bound: 'most' },
    { streams: STREAMS, rss_mib_before: Math.round(before / 1024) },
  )
  await publishSteadily(stack.ports, owners, EVENTS_PER_S, AbortSignal.timeout(WARM_UP_MS))
  await pause(SETTLE_MS)
  Object.assign(tally, createTally())
  const sent = await publishSteadily(stack.ports, owners, EVENTS_PER_S, AbortSignal.timeout(LASTS_MS))
  await pause(SETTLE_MS)
  reportLatency(figures, tally, sent)
  await closeAll(readers)
  await api.stop()
}

function reportLatency(figures: Figures, tally: Tally, sent: number): void {
  const latencies = tally.latenciesMs.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.ceil(share * latencies.length) - 1] ?? Number.NaN
  const more = { streams: STREAMS, owners: OWNERS, events_per_s: EVENTS_PER_S, sent, received: latencies.length }
  figures.add({ name: 'latency-p50', value: at(0.5), unit: 'ms', target: 5, bound: 'most' }, more)
  figures.add(
    { name: 'latency-p99', value: at(0.99), unit: 'ms', target: 50, bound: 'most' },
    { max_ms: at(1), ...more },
  )
  const missing = (sent * STREAMS) / OWNERS - latencies.length
  const faults = { lost: Math.max(tally.lost, missing), doubled: tally.doubled, disordered: tally.disordered }
  for (const [name, value] of Object.entries(faults)) {
    figures.add({ name: `streams-${name}`, value, unit: 'events', target: 0, bound: 'most' })
  }
}

/** Comes and goes so many times, and looks at what is left: on the heap, and in Redis. */
export async function reportLeaks(stack: GuaranteesStack, figures: Figures): Promise<void> {
  const owners = await makeOwners(stack.ports, OWNERS, 'leaks')
  const api = await stack.startApi({ ...ROOMY, NODE_OPTIONS: '--inspect=127.0.0.1:0' })
  const inspector = await openInspector(api.output())
  const redis = new Redis(stack.redisUrl)
  const comeAndGo = async (count: number): Promise<void> => {
    for (let left = count; left > 0; left -= WARM_UP_STREAMS) {
      await closeAll(await openReaders([api.url], owners, Math.min(left, WARM_UP_STREAMS), createTally()))
    }
    await pause(SETTLE_MS)
  }
  const look = async () => ({
    heap: await inspector.heapBytes(),
    connections: String(await redis.client('LIST'))
      .trim()
      .split('\n').length,
    // Of owners' logs: what a process listens to for as long as it runs is no stream's.
    subscriptions: ((await redis.pubsub('CHANNELS', '*:log:*')) as string[]).length,
  })
  await comeAndGo(STREAMS)
  const before = await look()
  await comeAndGo(STREAMS)
  const after = await look()
  inspector.close()
  redis.disconnect()
  await api.stop()
  const growth = (100 * (after.heap - before.heap)) / before.heap
  const more = { connects: STREAMS, heap_mib: Math.round(after.heap / 1024 ** 2) }
  figures.add({ name: 'heap-growth', value: growth, unit: '%', target: 5, bound: 'most' }, more)
  figures.add({ name: 'subscriptions-left', value: after.subscriptions, unit: 'channels', target: 0, bound: 'most' })
  const connections = after.connections - before.connections
  figures.add({ name: 'redis-connections-left', value: connections, unit: 'more', target: 0, bound: 'most' })
}
