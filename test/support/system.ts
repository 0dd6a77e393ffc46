import { after } from 'node:test'
import { pino } from 'pino'
import { loadConfig } from '../../src/config.ts'
import type { Places } from '../../src/places.ts'
import { openResources, type Resources } from '../../src/resources.ts'
import { ROLES, type Role } from '../../src/roles.ts'
import { startTestAws, type TestAws } from './aws.ts'
import { makeDataDir } from './embedded.ts'
import { createTestDatabase, skipWithoutPostgres } from './postgres.ts'
import { startTestRedis, type TestRedis } from './redis.ts'
import { openMigrated } from './storage.ts'

export interface TestSystem extends Resources {
  readonly url: string
  /** Starts more roles on the same stores. */
  start(roles: readonly Role[]): void
  /** Stops the roles and closes everything. */
  stop(): Promise<void>
}

export const TEST_KEY = 'test-key-of-acme'
export const OTHER_KEY = 'test-key-of-other'

/** Roles in this process on the given stores, the API on a free port, with a key of `acme` and one of `other`. */
export async function startTestSystem(
  roles: readonly Role[],
  places: Places,
  env: Readonly<Record<string, string>> = {},
  { provisioned = true } = {},
): Promise<TestSystem> {
  const BOOTSTRAP_API_KEYS = `acme=${TEST_KEY},other=${OTHER_KEY}`
  const config = loadConfig({ PORT: '0', BOOTSTRAP_API_KEYS, RECONCILE_INTERVAL_S: '0.2', ...env })
  const logger = pino({ level: process.env.TEST_LOG_LEVEL ?? 'silent' })
  const resources = openResources(config, places, logger)
  if (provisioned) {
    await resources.migrate()
    await resources.provision()
  }
  const stopping = new AbortController()
  const { promise: listening, resolve: onListening } = Promise.withResolvers<string>()
  const { signal } = stopping
  const context = { ...resources, config, logger, signal, release: signal, onListening }
  const running: Promise<void>[] = []
  const start = (more: readonly Role[]): void => {
    for (const role of more) running.push(ROLES[role](context))
    for (const run of running) run.catch(() => {})
  }
  start(roles)
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      stopping.abort()
      await Promise.all(running)
      await resources.close()
    })()
    return stopped
  }
  after(stop)
  const url = roles.includes('api') ? await Promise.race([listening, Promise.all(running).then(() => '')]) : ''
  return { ...resources, url, start, stop }
}

/** A place for each store, of this test file alone. */
export async function openTestPlaces(): Promise<{
  places: Places
  env: Record<string, string>
  redis: TestRedis
  aws: TestAws
}> {
  const aws = await startTestAws()
  const redis = await startTestRedis()
  const places = {
    database: await makeDatabase(),
    redisUrl: redis.url,
    awsEndpointUrl: aws.endpoint,
    embeddedAws: true,
  }
  return { places, env: { S3_BUCKET: aws.bucket }, redis, aws }
}

/** Sends a recording as a raw body. */
export function uploadRaw(
  url: string,
  body: Uint8Array | ReadableStream,
  options: UploadOptions = {},
): Promise<Response> {
  const { query = '', key = TEST_KEY, contentType = 'audio/wav', signal } = options
  const headers = { authorization: `Bearer ${key}`, 'content-type': contentType }
  const init = { method: 'POST', headers, body, duplex: 'half', ...(signal ? { signal } : {}) }
  return fetch(`${url}/v1/jobs${query}`, init as RequestInit)
}

export interface UploadOptions {
  readonly query?: string
  readonly key?: string
  readonly contentType?: string
  readonly signal?: AbortSignal
}

/** Asks for JSON with the key of `acme`, or another's. */
export async function getJson(
  url: string,
  key = TEST_KEY,
): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${key}` } })
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  }
}

/**
 * A database with the schema in it, removed with the file's tests: PostgreSQL as in production, which is quicker too, and
 * the embedded one where the machine has none.
 */
async function makeDatabase(): Promise<{ url: string } | { dataDir: string }> {
  if (skipWithoutPostgres !== false) return { dataDir: await makeDataDir() }
  const { url } = await createTestDatabase()
  await openMigrated({ url }).then((db) => db.destroy())
  return { url }
}
