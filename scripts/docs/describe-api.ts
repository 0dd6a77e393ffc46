/** The document of `/openapi.json`, made without any store. */
import { createApp } from '../../src/http/app.ts'
import type { App, AppOptions } from '../../src/http/dependencies.ts'
import type { OpenapiDocument } from '../../src/http/openapi.ts'
import { createLogger } from '../../src/telemetry/logger.ts'

/** The API with all its routes, unable to serve those that need a store. */
export async function openBareApp(): Promise<App> {
  const logger = createLogger('silent', {})
  const options: Pick<AppOptions, 'logger' | 'checks' | 'isStopping' | 'metricsToken' | 'onLoopback' | 'auth'> = {
    logger,
    checks: {},
    isStopping: () => false,
    metricsToken: undefined,
    onLoopback: true,
    auth: { sessionSecret: 'no session is ever signed with this', accessTokens: undefined },
  }
  const app = await createApp({
    ...options,
    ports: { log: logger },
    limits: { uploadTimeoutS: 1 },
  } as unknown as AppOptions)
  await app.ready()
  return app
}

export async function describeApi(): Promise<OpenapiDocument> {
  const app = await openBareApp()
  try {
    return app.swagger() as unknown as OpenapiDocument
  } finally {
    await app.close()
  }
}
