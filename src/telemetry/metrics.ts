/** Counters, durations and gauges in the Prometheus text format. Every name starts with `tonewire_`. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Metrics } from '../ports.ts'

/** What a counter or histogram of this name counts; a name that is not here is a mistake and throws. */
const HELP = {
  uploads: ['counter', 'Uploads by how they ended', ['outcome']],
  limits: ['counter', 'Looks at the limits of an owner; open is what Redis could not answer', ['outcome']],
  dispatches: ['counter', 'Jobs handed to the queue, or left for the reconciler', ['outcome']],
  forwards: ['counter', 'Jobs forwarded to SQS, and repeats that were acknowledged', ['outcome']],
  analyses: ['counter', 'Recordings analysed, stopped, and repeats that were acknowledged', ['outcome']],
  reference_faults: ['counter', 'Analyses whose reference material could not be used', ['code']],
  results: ['counter', 'Results recorded, and repeats and late ones that were acknowledged', ['outcome']],
  job_operations: ['counter', 'Jobs that their owners cancelled or retried', ['operation']],
  reconciled: ['counter', 'What the reconciler did', ['action']],
  swept: ['counter', 'Orphans, missing recordings, purged jobs and deleted owners that were dealt with', ['kind']],
  dead_letters: ['counter', 'Dead letters by where they came from and what became of them', ['source', 'outcome']],
  timeline: ['counter', 'Notes of the timeline: written, refused, or dropped for want of room', ['outcome']],
  callbacks: ['counter', 'Notifications to clients by how a try ended', ['outcome']],
  routes: ['counter', 'New jobs by route and why they took it', ['route', 'reason']],
  direct_calls: ['counter', 'Orders posted to the analysis server of the direct route', ['outcome']],
  webhooks: ['counter', 'Answers of that server by what became of them', ['outcome']],
  answers: ['counter', 'The same, as our own analysis server sees them', ['outcome']],
  legacy_use: ['counter', 'What only clients and servers of the old system still need', ['feature']],
  cutover_changes: ['counter', 'Changes of the cutover flag', ['origin']],
  guard: ['counter', 'What the guard of the cutover did', ['action']],
  publish_failures: ['counter', 'Progress events that could not be published', ['code']],
  scrape_failures: ['counter', 'Gauges that could not be read', ['source']],
  analysis: ['histogram', 'Time of one analysis from the order to its answer', []],
} as const satisfies Record<string, readonly ['counter' | 'histogram', string, readonly string[]]>

/** Gauges are read when somebody asks. */
export interface GaugeSource {
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  read(): Promise<readonly { labels: Record<string, string>; value: number }[]>
}

export interface MetricsRegistry extends Metrics {
  addGauges(source: GaugeSource): void
  /** The text for `/metrics`; a gauge that cannot be read is left out and counted. */
  render(): Promise<{ contentType: string; text: string }>
}

export function createMetrics(): MetricsRegistry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'tonewire_' })
  const counters = new Map<string, Counter>()
  const histograms = new Map<string, Histogram>()
  for (const [name, [kind, help, labelNames]] of Object.entries(HELP)) {
    const common = { help, labelNames: [...labelNames], registers: [registry] }
    if (kind === 'counter') counters.set(name, new Counter({ name: `tonewire_${name}_total`, ...common }))
    else histograms.set(name, new Histogram({ name: `tonewire_${name}_seconds`, buckets: BUCKETS, ...common }))
  }
  const sources: { gauge: Gauge; source: GaugeSource }[] = []
  const metrics: Metrics = {
    count: (name, labels = {}, by = 1) => known(counters, name).inc(labels, by),
    observe: (name, seconds, labels = {}) => known(histograms, name).observe(labels, seconds),
  }
  return {
    ...metrics,
    addGauges: (source) => {
      const { name, help } = source
      const gauge = new Gauge({ name: `tonewire_${name}`, help, labelNames: [...source.labels], registers: [registry] })
      sources.push({ gauge, source })
    },
    render: async () => {
      await Promise.all(sources.map((entry) => refresh(entry, metrics)))
      return { contentType: registry.contentType, text: await registry.metrics() }
    },
  }
}

/** Whoever scrapes waits ten seconds, as a rule. */
const READ_TIMEOUT_MS = 5_000
const BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

async function refresh({ gauge, source }: { gauge: Gauge; source: GaugeSource }, metrics: Metrics): Promise<void> {
  try {
    const values = await inTime(source.read())
    gauge.reset()
    for (const { labels, value } of values) gauge.set(labels, value)
  } catch {
    gauge.reset()
    metrics.count('scrape_failures', { source: source.name })
  }
}

/** Rejects after `READ_TIMEOUT_MS`: one source that hangs shall not keep the others' figures back. */
async function inTime<T>(reading: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('took too long')), READ_TIMEOUT_MS)
  return Promise.race([reading, late]).finally(() => clearTimeout(timer))
}

function known<T>(instruments: Map<string, T>, name: string): T {
  const instrument = instruments.get(name)
  if (instrument === undefined) throw new Error(`unknown metric ${name}`)
  return instrument
}
