import { createUuidV7 } from '../../src/domain/ids.ts'
import type { Route } from '../../src/domain/job.ts'
import type { FlagChange } from '../../src/ports/cutover.ts'
import { guardCutover } from '../../src/services/guard-cutover.ts'
import { flagChange } from '../contracts/cutover-store.ts'
import { changeTo, newJob } from '../contracts/job-store-suite.ts'
import { createFakePorts } from './fake-ports.ts'

export const GUARD = { steps: [1, 10, 50, 80, 100], holdS: 600, minOwners: 20, halted: false }
export const RULES = { intervalS: 10 }

/** Ports with a clock that tests set, and a version of the flag. */
export async function prepareStep(change: Partial<FlagChange> = {}) {
  let nowMs = Date.now()
  const ports = createFakePorts({ now: () => nowMs })
  await ports.cutover.change(flagChange({ percent: 50, guard: GUARD, ...change }), 0)
  const pass = (seconds: number) => {
    nowMs += seconds * 1000
  }
  let owners = 0
  /** Jobs of so many owners that end now, of which so many fail, evenly spread. */
  const end = async (route: Route, count: number, failing: number) => {
    const isFailing = (i: number) => Math.floor(((i + 1) * failing) / count) > Math.floor((i * failing) / count)
    for (let i = 0; i < count; i += 1) {
      const jobId = await begin(route)
      await ports.jobs.advance([changeTo(jobId, isFailing(i) ? 'failed' : 'completed')])
    }
  }
  /** The job of one more owner, which stays under way. */
  const begin = async (route: Route): Promise<string> => {
    const flagVersion = (await ports.cutover.current())!.version
    owners += 1
    const jobId = createUuidV7(nowMs)
    await ports.jobs.create(newJob({ jobId, owner: `owner-${owners}`, route, routeReason: 'percentage', flagVersion }))
    await ports.jobs.advance([changeTo(jobId, 'stored', { sizeBytes: 1000 })])
    return jobId
  }
  const look = () => guardCutover(ports, RULES)
  const current = async () => (await ports.cutover.current())!
  return { ports, pass, end, begin, look, current }
}
