/** A hundred uploads of 50 MB at once against an S3 that keeps nothing: memory, throughput, and who else is served. */
import type { Figures } from './figures.ts'
import { type Probed, residentBytes, startProber } from './upload-prober.ts'
import type { BenchProcess } from './upload-process.ts'
import { median } from './upload-rate.ts'
import { type Form, KIB, uploadOf } from './upload-recording.ts'
import { benchKey, type UploadStack } from './upload-stack.ts'
import { openWire } from './upload-wire.ts'

const UPLOADS = 100
const FILE_BYTES = 50e6
const FORMS: readonly Form[] = ['multipart', 'raw']
/** Raw against multipart: so many at once, in turns, so that what else the machine does meets both. */
const PAIRED_UPLOADS = 8
const PAIRS = 5

export async function reportLargeUploads(stack: UploadStack, figures: Figures): Promise<void> {
  const api = await stack.startApi(stack.sink)
  try {
    const small = await acceptSmall(api.url)
    for (const form of FORMS) await reportCrowd(api, form, small, figures)
    await reportRawRatio(api.url, figures)
  } finally {
    await api.stop()
  }
}

/** A job to be asked for. */
async function acceptSmall(url: string): Promise<string> {
  const wire = openWire(url)
  const answer = await wire.send(uploadOf({ form: 'raw', bytes: 64 * KIB, key: benchKey(0) }))
  wire.close()
  return (JSON.parse(answer?.body ?? '{}') as { job_id: string }).job_id
}

async function reportCrowd(api: BenchProcess, form: Form, jobId: string, figures: Figures): Promise<void> {
  const before = residentBytes(api.pid)
  const paths = ['/livez', `/v1/jobs/${jobId}`]
  const prober = startProber({ url: api.url, paths, key: benchKey(0), pid: api.pid })
  const { accepted, megabytesPerS } = await uploadAtOnce(api.url, form, UPLOADS)
  const probed = await prober.stop()
  const peak = { peak_rss_mb: toMegabytes(probed.peakRssBytes), before_mb: toMegabytes(before) }
  const name = `large-${form}`
  const target = { unit: 'MB', target: 300, bound: 'most' } as const
  figures.add({ name: `${name}-peak-rss`, value: peak.peak_rss_mb, ...target }, { before_mb: peak.before_mb })
  figures.add({ name: `${name}-throughput`, value: megabytesPerS, unit: 'MB/s', target: 300, bound: 'least' })
  const percent = (100 * accepted) / UPLOADS
  figures.add(
    { name: `${name}-accepted`, value: percent, unit: '%', target: 100, bound: 'least' },
    { uploads: UPLOADS },
  )
  reportProbed(`${name}-small-requests`, probed, figures)
}

function reportProbed(name: string, { latenciesMs, failures }: Probed, figures: Figures): void {
  const at = (share: number) =>
    latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(share * latenciesMs.length))] ?? 0
  const more = { p50_ms: at(0.5), max_ms: at(1), requests: latenciesMs.length, failures }
  // A request that failed was not answered fast.
  const value = failures === 0 ? at(0.99) : Number.MAX_SAFE_INTEGER
  figures.add({ name: `${name}-p99`, value, unit: 'ms', target: 250, bound: 'most' }, more)
}

async function reportRawRatio(url: string, figures: Figures): Promise<void> {
  const pairs: { raw: number; multipart: number }[] = []
  for (let pair = 0; pair <= PAIRS; pair++) {
    const multipart = (await uploadAtOnce(url, 'multipart', PAIRED_UPLOADS)).megabytesPerS
    pairs.push({ multipart, raw: (await uploadAtOnce(url, 'raw', PAIRED_UPLOADS)).megabytesPerS })
  }
  pairs.shift()
  const figure = { name: 'raw-against-multipart', unit: 'ratio', target: 1, bound: 'least' } as const
  figures.add(
    { ...figure, value: median(pairs.map(({ raw, multipart }) => raw / multipart)) },
    {
      raw_mb_per_s: Math.round(median(pairs.map(({ raw }) => raw))),
      multipart_mb_per_s: Math.round(median(pairs.map(({ multipart }) => multipart))),
      pairs: PAIRS,
    },
  )
}

async function uploadAtOnce(url: string, form: Form, uploads: number) {
  const startedAt = performance.now()
  const one = async (_: unknown, owner: number): Promise<boolean> => {
    const wire = openWire(url)
    const answer = await wire.send(uploadOf({ form, bytes: FILE_BYTES, key: benchKey(owner) }))
    wire.close()
    return answer?.status === 202
  }
  const accepted = (await Promise.all(Array.from({ length: uploads }, one))).filter(Boolean).length
  const seconds = (performance.now() - startedAt) / 1000
  return { accepted, megabytesPerS: (accepted * FILE_BYTES) / 1e6 / seconds }
}

function toMegabytes(bytes: number): number {
  return Math.round(bytes / 1e6)
}
