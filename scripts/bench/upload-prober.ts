/**
 * A thread that asks small things of the API while others keep it busy, one after the other, and looks at the memory
 * of its process. `startProber` starts it; `stop()` resolves to what it saw.
 */
import { readFileSync } from 'node:fs'
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { openWire, type Wire } from './upload-wire.ts'

export interface ProberTask {
  readonly url: string
  /** Each asked in turn, with this key. */
  readonly paths: readonly string[]
  readonly key: string
  /** Whose memory is looked at. */
  readonly pid: number
}

export interface Probed {
  /** Of every answer, ascending. */
  readonly latenciesMs: readonly number[]
  /** Answers other than 200, and none. */
  readonly failures: number
  readonly peakRssBytes: number
}

const RSS_INTERVAL_MS = 50
const REQUEST_INTERVAL_MS = 10

export function startProber(task: ProberTask): { stop(): Promise<Probed> } {
  const worker = new Worker(new URL(import.meta.url), { workerData: task })
  const probed = new Promise<Probed>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  probed.catch(() => {})
  return {
    stop: () => {
      worker.postMessage('stop')
      return probed
    },
  }
}

/** Resident bytes of a process (proc(5)). */
export function residentBytes(pid: number): number {
  const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib ?? 0) * 1024
}

async function probe({ url, paths, key, pid }: ProberTask): Promise<void> {
  const latenciesMs: number[] = []
  let failures = 0
  let peakRssBytes = 0
  const sampler = setInterval(() => {
    peakRssBytes = Math.max(peakRssBytes, residentBytes(pid))
  }, RSS_INTERVAL_MS)
  const wires = paths.map(() => openWire(url))
  let at = 0
  const ask = async (wire: Wire, path: string): Promise<void> => {
    const startedAt = performance.now()
    const head = `GET ${path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${key}\r\n\r\n`
    const answer = await wire.send([Buffer.from(head)])
    latenciesMs.push(performance.now() - startedAt)
    if (answer?.status !== 200) failures += 1
  }
  let asked = Promise.resolve()
  const asker = setInterval(() => {
    const turn = at++ % paths.length
    asked = asked.then(() => ask(wires[turn]!, paths[turn]!))
  }, REQUEST_INTERVAL_MS)
  parentPort?.once('message', async () => {
    clearInterval(asker)
    await asked
    clearInterval(sampler)
    for (const wire of wires) wire.close()
    latenciesMs.sort((a, b) => a - b)
    parentPort?.postMessage({ latenciesMs, failures, peakRssBytes } satisfies Probed)
  })
}

if (parentPort !== null && workerData?.pid !== undefined) await probe(workerData as ProberTask)
