/** One pool in one process: analyses a file so many times, and prints what it took as JSON. */
import { createReadStream } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createAnalysisPool } from '../../src/media/analysis-pool.ts'

export interface PoolFigures {
  readonly timesRealtime: number
  /** Of all threads, for a minute of recording: what other programs take of the machine does not change it much. */
  readonly cpuSPerMinute: number
  readonly delayP99Ms: number
  readonly peakRssMb: number
}

const [path = '', threads = '1', jobs = '1', durationS = '0'] = process.argv.slice(2)
const SAMPLE_INTERVAL_MS = 20

console.log(JSON.stringify(await measure(path, Number(threads), Number(jobs), Number(durationS))))

async function measure(path: string, threads: number, jobs: number, durationS: number): Promise<PoolFigures> {
  const pool = createAnalysisPool({ threads, maxDurationS: 3600, timeoutMs: 120_000 })
  const signal = new AbortController().signal
  const analyse = (i: number) =>
    pool.analyse({ jobId: `bench-${i}`, tokenId: null, recording: createReadStream(path), signal, onProgress() {} })
  let next = 0
  const runJobs = async () => {
    while (next < jobs) await analyse(next++)
  }
  // As many more as threads wait: what a consumer of the queue holds.
  const runAll = () => Promise.all(Array.from({ length: 2 * threads }, runJobs))
  await Promise.all(Array.from({ length: 2 * threads }, (_, i) => analyse(i)))
  const delay = monitorEventLoopDelay({ resolution: 1 })
  let peakRss = process.memoryUsage.rss()
  const sampler = setInterval(() => {
    peakRss = Math.max(peakRss, process.memoryUsage.rss())
  }, SAMPLE_INTERVAL_MS)
  delay.enable()
  const began = performance.now()
  const cpuBefore = process.cpuUsage()
  await runAll()
  const { user, system } = process.cpuUsage(cpuBefore)
  const seconds = (performance.now() - began) / 1000
  delay.disable()
  clearInterval(sampler)
  await pool.close()
  return {
    timesRealtime: (jobs * durationS) / seconds,
    cpuSPerMinute: (60 * (user + system)) / 1e6 / (jobs * durationS),
    delayP99Ms: delay.percentile(99) / 1e6,
    peakRssMb: peakRss / 2 ** 20,
  }
}
