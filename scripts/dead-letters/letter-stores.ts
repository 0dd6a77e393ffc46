import { loadConfig } from '../../src/config.ts'
import { discard, listLetters, readLetter, redrive } from '../../src/http/dead-letter-view.ts'
import { openResources } from '../../src/resources.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import type { Environment } from '../keys/run-command.ts'
import { UsageError } from '../keys/usage-error.ts'
import type { LetterAccess } from './letter-access.ts'

/** Who it was, where no key says so. */
const BY = 'npm run dead-letters'

/** By the code that answers the API. Each store is opened when it is needed: redriving needs all, the rest the database. */
export function openLetterStores(env: Environment): LetterAccess {
  const config = loadConfig(env)
  const { databaseUrl: url = '', redisUrl, awsEndpointUrl } = config
  const places = { database: { url, poolSize: 2 }, redisUrl: redisUrl ?? '', awsEndpointUrl }
  const { ports, close } = openResources(config, places, createLogger('silent', {}))
  return {
    list: (query) => listLetters(ports, query),
    read: (letterId) => readLetter(ports, letterId),
    redrive: async (request) => {
      if (redisUrl === undefined) throw new UsageError('REDIS_URL is not set: a job that is redriven waits there.')
      return redrive(ports, request, BY)
    },
    discard: (request) => discard(ports, request, BY),
    close,
  }
}
