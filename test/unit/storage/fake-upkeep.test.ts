import { describeUpkeep } from '../../contracts/upkeep.ts'
import { createFakePorts } from '../../support/fake-ports.ts'

describeUpkeep('upkeep in memory', async () => {
  const ports = createFakePorts()
  return { ...ports, age: ports.jobs.age }
})
