/** One deployment of every role, each in a process of its own, on stores of its own; and what the drill looks with. */
import pg from 'pg'
import { loadConfig } from '../../src/config.ts'
import { hashKey } from '../../src/domain/api-key.ts'
import { findFreePort } from '../../src/embedded/free-port.ts'
import type { Ports } from '../../src/ports.ts'
import { openResources } from '../../src/resources.ts'
import { ROLES, type Role } from '../../src/roles.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { AWS_ENV } from '../stack/prepare.ts'
import { type Crew, createCrew } from './crew.ts'
import { type Receiver, startReceiver } from './receiver.ts'
import { type Stores, startStores } from './stores.ts'

export interface World {
  readonly stores: Stores
  readonly crew: Crew
  readonly receiver: Receiver
  /** Of the checks alone. */
  readonly ports: Ports
  readonly database: pg.Pool
  /** Of the API, whichever process it is. */
  readonly url: string
  readonly roles: readonly Role[]
  /** Of an operator. */
  readonly adminKey: string
  /** An owner of its own, and their key. */
  newOwner(): Promise<{ readonly owner: string; readonly key: string }>
  close(): Promise<void>
}

export const DIRECT_UPLOAD_TIMEOUT_S = 6
/** What is a matter of minutes in the field is one of seconds here. */
const TIMINGS = {
  STALLED_AFTER_S: '1',
  IN_FLIGHT_CHECK_S: '2',
  RECONCILE_INTERVAL_S: '0.2',
  SWEEP_INTERVAL_S: '0.5',
  GUARD_INTERVAL_S: '0.5',
  UPLOAD_TIMEOUT_S: '5',
  DIRECT_UPLOAD_TIMEOUT_S: String(DIRECT_UPLOAD_TIMEOUT_S),
  JOB_LOCK_S: '2',
  VISIBILITY_TIMEOUT_S: '3',
  STOP_TIMEOUT_S: '3',
}
const ADMIN_KEY = 'drill-bootstrap-key'
const SETTINGS = { CALLBACK_ALLOW_LOOPBACK: 'true', MAX_UPLOADS_PER_OWNER: '0', RATE_LIMIT_REQUESTS_PER_S: '0' }

/** Resolves to a sentence when the machine lacks what it needs. */
export async function openWorld(options: { readonly sabotage?: string } = {}): Promise<World | string> {
  await using cleanUp = new AsyncDisposableStack()
  const stores = await startStores()
  if (typeof stores === 'string') return stores
  cleanUp.defer(() => stores.close())
  const port = await findFreePort()
  const env = {
    ...AWS_ENV,
    ...TIMINGS,
    ...SETTINGS,
    PORT: String(port),
    LOG_LEVEL: 'warn',
    DATABASE_URL: stores.databaseUrl,
    REDIS_URL: stores.redisUrl,
    AWS_ENDPOINT_URL: stores.awsUrl,
    BOOTSTRAP_API_KEYS: `drill=${ADMIN_KEY}:admin`,
    CHAOS_SABOTAGE: options.sabotage ?? '',
  }
  const receiver = await startReceiver()
  cleanUp.defer(() => receiver.close())
  const crew = createCrew(env)
  cleanUp.defer(() => crew.close())
  const log = createLogger('silent', {})
  const places = {
    database: { url: stores.databaseUrl, log },
    redisUrl: stores.redisUrl,
    awsEndpointUrl: stores.awsUrl,
  }
  const { ports, close } = openResources(loadConfig({}), { ...places, embeddedAws: true }, log)
  cleanUp.defer(close)
  const database = new pg.Pool({ connectionString: stores.databaseUrl, max: 2 })
  // A restart of the server ends idle connections: the pool makes new ones.
  database.on('error', () => {})
  cleanUp.defer(() => database.end())
  const roles = Object.keys(ROLES) as Role[]
  await Promise.all(roles.map((role) => crew.start(role)))
  let owners = 0
  const opened = cleanUp.move()
  return {
    ...{ stores, crew, receiver, ports, database, roles },
    adminKey: ADMIN_KEY,
    url: `http://127.0.0.1:${port}`,
    async newOwner() {
      owners += 1
      const [owner, key] = [`owner-${owners}`, `drill-key-${owners}`]
      await ports.keys.ensure({ owner, role: 'user', keyHash: hashKey(key), name: 'drill' })
      return { owner, key }
    },
    close: () => opened.disposeAsync(),
  }
}
