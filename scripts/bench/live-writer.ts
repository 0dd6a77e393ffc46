/** One of several processes that tell of the same jobs in an order of its own: node live-writer.ts <owner> <jobs> <seed> */
import { loadConfig } from '../../src/config.ts'
import { openResources } from '../../src/resources.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventOf } from './live-owners.ts'
import { createRandom } from './random.ts'

const [owner = '', jobs = '0', seed = '0'] = process.argv.slice(2)
const STEPS = [
  ['queued', 40],
  ['forwarded', 60],
  ...Array.from({ length: 15 }, (_, n) => ['analysing', 65 + 2 * n] as const),
  ['completed', 100],
] as const
const AT_ONCE = 200

const config = loadConfig(process.env)
const log = createLogger('silent', {})
const { databaseUrl = '', redisUrl = '', awsEndpointUrl } = config
const { ports, close } = openResources(config, { database: { url: databaseUrl, log }, redisUrl, awsEndpointUrl }, log)
await ports.progress.check()
const random = createRandom(Number(seed))
const events = Array.from({ length: Number(jobs) }, (_, n) =>
  STEPS.map(([status, progress]) => {
    const jobId = `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`
    return { n: random.next(), event: eventOf({ owner, jobId }, status, progress, `${status} ${progress}`) }
  }),
).flat()
events.sort((a, b) => a.n - b.n)
for (let i = 0; i < events.length; i += AT_ONCE) {
  const some = events.slice(i, i + AT_ONCE)
  await ports.progress.publish(some.map(({ event }) => ({ event, seed: event })))
}
console.log(JSON.stringify({ url: 'http://done', published: events.length }))
await close()
