/** What every stack of real processes needs before its first role starts. */
import { loadConfig } from '../../src/config.ts'
import { openResources } from '../../src/resources.ts'
import { createLogger } from '../../src/telemetry/logger.ts'

const REGION = 'us-east-1'
/** The emulator takes any credentials, but the SDK wants some. */
export const AWS_ENV = { AWS_REGION: REGION, AWS_ACCESS_KEY_ID: 'stack', AWS_SECRET_ACCESS_KEY: 'stack' } as const

/** Makes the schema, the bucket and the queues. */
export async function prepareStores(url: string, redisUrl: string, awsEndpointUrl: string): Promise<void> {
  const log = createLogger('silent', {})
  const places = { database: { url, log }, redisUrl, awsEndpointUrl, embeddedAws: true }
  const resources = openResources(loadConfig({ AWS_REGION: REGION }), places, log)
  try {
    await resources.migrate()
    await resources.provision()
  } finally {
    await resources.close()
  }
}
