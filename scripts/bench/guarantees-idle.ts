/**
 * A recording that comes alone, on a system that has nothing else to do: from the end of its upload's answer to the
 * event that says it is completed. What is gathered under traffic must not make this one wait.
 */
import type { Figures } from './figures.ts'
import { type GuaranteesStack, PIPELINE } from './guarantees-stack.ts'
import { KIB, uploadOf } from './upload-recording.ts'
import { benchKey } from './upload-stack.ts'
import { openWire } from './upload-wire.ts'

const WARM_UP = 50
const UPLOADS = 200
const GAP_MS = 150
const FILE_BYTES = 160 * KIB
const OWNER = 1
const BOUND_MS = 30_000

export async function reportIdleLatency(stack: GuaranteesStack, figures: Figures): Promise<void> {
  const roles = await Promise.all(PIPELINE.map((role) => stack.startRole(role)))
  for (const role of roles) await role.go()
  const api = await stack.startApi()
  const ends = await watchEnds(stack)
  const wire = openWire(api.url)
  const tookMs: number[] = []
  for (let n = 0; n < WARM_UP + UPLOADS; n++) {
    const answer = await wire.send(uploadOf({ form: 'multipart', bytes: FILE_BYTES, key: benchKey(OWNER) }))
    const answeredMs = performance.now()
    if (answer?.status !== 202) throw new Error(`an upload was not accepted: ${answer?.status} ${answer?.body}`)
    const completedMs = await ends.of(JSON.parse(answer.body).job_id)
    if (n >= WARM_UP) tookMs.push(Math.max(0, completedMs - answeredMs))
    await new Promise((resolve) => setTimeout(resolve, GAP_MS))
  }
  wire.close()
  ends.stop()
  for (const { stop } of [api, ...roles]) await stop()
  tookMs.sort((a, b) => a - b)
  const more = { uploads: UPLOADS, gap_ms: GAP_MS, kib: FILE_BYTES / KIB, analyser: 'null' }
  const at = (share: number) => tookMs[Math.ceil(share * tookMs.length) - 1] ?? Number.NaN
  figures.add({ name: 'idle-p50', value: at(0.5), unit: 'ms', target: 20, bound: 'most' }, more)
  figures.add({ name: 'idle-p99', value: at(0.99), unit: 'ms', target: 100, bound: 'most' }, more)
}

/** When each job of the owner was told to be completed. */
async function watchEnds({ ports }: GuaranteesStack) {
  const times = new Map<string, PromiseWithResolvers<number>>()
  const entryOf = (jobId: string) => {
    const known = times.get(jobId) ?? Promise.withResolvers<number>()
    times.set(jobId, known)
    return known
  }
  const stop = await ports.progress.subscribe(`owner-${OWNER}`, {
    onEntry: ({ event }) => {
      if (event.status === 'completed') entryOf(event.jobId).resolve(performance.now())
    },
    onInterrupted: () => {},
  })
  return {
    stop,
    of: (jobId: string): Promise<number> => {
      const { promise, reject } = entryOf(jobId)
      const late = setTimeout(() => reject(new Error(`job ${jobId} is not completed after ${BOUND_MS} ms`)), BOUND_MS)
      return promise.finally(() => clearTimeout(late))
    },
  }
}
