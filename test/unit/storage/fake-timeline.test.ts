import { describeTimeline } from '../../contracts/timeline.ts'
import { createFakePorts } from '../../support/fake-ports.ts'

const ports = createFakePorts()
describeTimeline('timeline in memory', () => ({ ...ports, age: ports.jobs.age, ageHops: ports.timeline.age }))
