/** Whole jobs through the pool of threads: how many seconds of recording per second, and what it costs the process. */
import { join } from 'node:path'
import type { Judged } from './accuracy.ts'
import { ffmpeg } from './codings.ts'
import type { Figures } from './figures.ts'
import type { PoolFigures } from './pool-process.ts'
import { run } from './programs.ts'
import { writeSpeech } from './speed.ts'

const DURATION_S = 60
const JOBS = 40
const THREADS = 2
const COMPRESSED: readonly (readonly [name: string, extension: string, ...args: string[]])[] = [
  ['opus-webm', 'webm', '-c:a', 'libopus', '-b:a', '32k'],
  ['mp3', 'mp3', '-b:a', '64k'],
]

/** Each number of threads has a process of its own, so that no memory of another counts. */
export async function reportThroughput(judged: readonly Judged[], folder: string, figures: Figures): Promise<void> {
  const path = join(folder, 'job.wav')
  writeSpeech(path, judged, DURATION_S, 48_000, 2)
  const one = await runPool(path, 1)
  const two = await runPool(path, THREADS)
  const three = await runPool(path, THREADS + 1)
  const more = { jobs: JOBS, duration_s: DURATION_S, source: '48 kHz stereo WAV', threads: THREADS }
  const throughput = { name: 'jobs/throughput', value: two.timesRealtime, unit: 'x realtime' }
  figures.add(
    { ...throughput, target: 300, bound: 'least' },
    { ...more, one_thread: one.timesRealtime, cpu_s_per_minute: two.cpuSPerMinute },
  )
  figures.add({ name: 'jobs/main-loop-delay-p99', value: two.delayP99Ms, unit: 'ms', target: 20, bound: 'most' }, more)
  const extraMb = (three.peakRssMb - one.peakRssMb) / 2
  const peaks = [one, two, three].map(({ peakRssMb }) => Math.round(peakRssMb))
  const memory = { name: 'jobs/memory-per-extra-thread', value: extraMb, unit: 'MB', target: 100 }
  figures.add({ ...memory, bound: 'most' }, { rss_mb: peaks })
}

/** A bound against regressions: ffmpeg and ffprobe, a process each per recording, take about half of the machine. */
const COMPRESSED_TARGET = 120

/** Compressed as a browser and a telephone record; ffmpeg's own processor time is not in the figure of the cost. */
export async function reportCompressedThroughput(
  judged: readonly Judged[],
  folder: string,
  figures: Figures,
): Promise<void> {
  const original = join(folder, 'job-mono.wav')
  writeSpeech(original, judged, DURATION_S, 48_000)
  for (const [name, extension, ...args] of COMPRESSED) {
    const path = join(folder, `job.${extension}`)
    ffmpeg(['-i', original, ...args, path])
    const { timesRealtime, cpuSPerMinute } = await runPool(path, THREADS)
    const throughput = { name: `jobs/throughput/${name}`, value: timesRealtime, unit: 'x realtime' }
    const more = { jobs: JOBS, duration_s: DURATION_S, source: '48 kHz mono', threads: THREADS }
    figures.add(
      { ...throughput, target: COMPRESSED_TARGET, bound: 'least' },
      { ...more, cpu_s_per_minute: cpuSPerMinute },
    )
  }
}

async function runPool(path: string, threads: number): Promise<PoolFigures> {
  const program = new URL('./pool-process.ts', import.meta.url).pathname
  const args = [program, path, String(threads), String(JOBS), String(DURATION_S)]
  const { stdout } = await run(process.execPath, args)
  return JSON.parse(stdout)
}
