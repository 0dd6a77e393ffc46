import { describeRouteComparison } from '../../contracts/route-comparison.ts'
import { createFakeCutoverStore } from '../../fakes/fake-cutover-store.ts'
import { createFakeDeadLetterStore } from '../../fakes/fake-dead-letter-store.ts'
import { createFakeJobStore } from '../../fakes/fake-job-store.ts'
import { createFakeRouteComparison } from '../../fakes/fake-route-comparison.ts'

describeRouteComparison('the comparison of the routes in memory', async () => {
  const tables = {
    jobs: createFakeJobStore(),
    deadLetters: createFakeDeadLetterStore(),
    cutover: createFakeCutoverStore(),
  }
  const ageVersion = async (version: number, seconds: number) => {
    const { rows } = tables.cutover
    const flag = rows[version - 1]!
    rows[version - 1] = { ...flag, changedAt: new Date(+flag.changedAt - seconds * 1000) }
  }
  return {
    ...tables,
    ...{ comparison: createFakeRouteComparison(tables), ageVersion, close: async () => {} },
    age: tables.jobs.age,
    ageLetter: tables.deadLetters.age,
  }
})
