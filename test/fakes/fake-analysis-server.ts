import type { AnalysisRequest } from '../../src/domain/messages.ts'
import { createBoundedWork } from '../../src/legacy/bounded-work.ts'
import type { AnalysisServer, DirectAnswer } from '../../src/ports/cutover.ts'

export interface FakeAnalysisServer extends AnalysisServer {
  isConfigured: boolean
  /** What was posted. */
  readonly orders: AnalysisRequest[]
  /** What the next posts are answered; accepted when there is nothing left. */
  readonly answers: (DirectAnswer | Promise<DirectAnswer>)[]
  /** Resolves when nothing is under way. */
  settled(): Promise<void>
}

/** Keeps what it is given to post. */
export function createFakeAnalysisServer({ places = 50 } = {}): FakeAnalysisServer {
  const orders: AnalysisRequest[] = []
  const answers: FakeAnalysisServer['answers'] = []
  const background = createBoundedWork(places, () => {})
  const idle = new Set<Promise<void>>()
  let calls = 0
  return {
    isConfigured: true,
    freePlaces: () => places - calls,
    orders,
    answers,
    submit: async (order, signal) => {
      signal.throwIfAborted()
      if (calls >= places) return { kind: 'full' }
      calls += 1
      try {
        orders.push(order)
        const { promise: aborted, reject } = Promise.withResolvers<never>()
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        const accepted: DirectAnswer = { kind: 'accepted', status: 202 }
        return await Promise.race([answers.shift() ?? accepted, aborted])
      } finally {
        calls -= 1
      }
    },
    callbackUrlOf: (jobId, attempt) =>
      `http://api.test/webhooks/analysis?job_id=${jobId}${attempt === 1 ? '' : `&attempt=${attempt}`}`,
    begin: (work) =>
      background.begin((signal) => {
        const run: Promise<void> = work(signal).finally(() => idle.delete(run))
        idle.add(run)
        return run
      }),
    settle: background.settle,
    settled: async () => {
      while (idle.size > 0) await Promise.allSettled(idle)
    },
  }
}
