import type { Ports } from '../ports.ts'
import type { GaugeSource } from './metrics.ts'

type Checks = Readonly<Record<string, () => Promise<unknown>>>

/** Longest wait for one answer: a scrape shall end although everything hangs. */
const CHECK_TIMEOUT_MS = 2_000

/** Whether each store and queue answers this process, by name: 1, or 0 when its check throws or takes too long. */
export function dependencyGauge(
  ports: Pick<Ports, 'jobs' | 'objects' | 'jobQueue' | 'analysisQueue' | 'resultQueue'>,
): GaugeSource {
  const checks = {
    database: () => ports.jobs.check(),
    storage: () => ports.objects.check(),
    redis: () => ports.jobQueue.counts(),
    sqs: () => Promise.all([ports.analysisQueue.depth(), ports.resultQueue.depth()]),
  }
  return upGauge('dependency_up', 'Whether a store or a queue answers this process: 1 or 0', 'dependency', checks)
}

/** The same of each thing that the analysis needs on its machine. */
export function analyserGauge(checks: Checks): GaugeSource {
  return upGauge(
    'analyser_tool_up',
    'Whether a tool of the analysis can be used on this machine: 1 or 0',
    'tool',
    checks,
  )
}

function upGauge(name: string, help: string, label: string, checks: Checks): GaugeSource {
  return {
    name,
    help,
    labels: [label],
    read: () =>
      Promise.all(
        Object.entries(checks).map(async ([part, check]) => ({ labels: { [label]: part }, value: await isUp(check) })),
      ),
  }
}

async function isUp(check: () => Promise<unknown>): Promise<number> {
  const { promise: late, resolve } = Promise.withResolvers<number>()
  const timer = setTimeout(() => resolve(0), CHECK_TIMEOUT_MS)
  // Why it is down, the log says.
  const answered = check().then(
    () => 1,
    () => 0,
  )
  return Promise.race([answered, late]).finally(() => clearTimeout(timer))
}
