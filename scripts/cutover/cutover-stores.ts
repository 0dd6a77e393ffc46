import { loadConfig } from '../../src/config.ts'
import { cutoverSettingsOf } from '../../src/cutover-settings.ts'
import { putCutover, readCutover } from '../../src/http/cutover-view.ts'
import { openResources } from '../../src/resources.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import type { Environment } from '../keys/run-command.ts'
import type { CutoverAccess } from './cutover-access.ts'

/** Who it was, where no key says so. */
const BY = 'npm run cutover'

/** By the code that answers the API, with this environment's settings. Without REDIS_URL nobody is told, and all find out. */
export function openCutoverStores(env: Environment): CutoverAccess {
  const config = loadConfig(env)
  const { databaseUrl: url = '', redisUrl, awsEndpointUrl } = config
  const places = { database: { url, poolSize: 1 }, redisUrl: redisUrl ?? '', awsEndpointUrl }
  const { ports, close } = openResources(config, places, createLogger('silent', {}))
  const { cutover, comparison, metrics, log } = ports
  const settings = cutoverSettingsOf(config)
  const cutoverNews = redisUrl === undefined ? { tell: async () => {} } : ports.cutoverNews
  // This process decides no routes: it has nothing to learn.
  const router = { learn: () => {} }
  return {
    read: (before) => readCutover({ cutover }, settings, before === undefined ? {} : { before }),
    readFlag: () => readCutover({ cutover }, settings, {}),
    put: (request) => putCutover({ cutover, comparison, cutoverNews, router, metrics, log }, settings, request, BY),
    spread:
      redisUrl === undefined
        ? 'REDIS_URL is not set, so nobody was told: new jobs go by it everywhere within 5 s.'
        : 'New jobs go by it everywhere within a second; within 5 s while Redis is down.',
    close,
  }
}
