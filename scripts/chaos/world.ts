/** One deployment of every role, each in a process of its own, on stores of its own; and what the drill looks with. */
import pg from 'pg'
import { loadConfig } from '../../src/config.ts'
import { hashKey } from '../../src/domain/api-key.ts'
import { isIn } from '../../src/domain/cutover.ts'
import type { Route } from '../../src/domain/job.ts'
import { findFreePort } from '../../src/embedded/free-port.ts'
import type { Ports } from '../../src/ports.ts'
import { openResources } from '../../src/resources.ts'
import { ROLES, type Role } from '../../src/roles.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { AWS_ENV } from '../stack/prepare.ts'
import { createDirectServer, type DirectServer } from './analysis-server.ts'
import { type Crew, createCrew } from './crew.ts'
import { type Receiver, startReceiver } from './receiver.ts'
import { type Stores, startStores } from './stores.ts'

export interface World {
  readonly stores: Stores
  readonly crew: Crew
  readonly receiver: Receiver
  readonly directServer: DirectServer
  /** Of the checks alone. */
  readonly ports: Ports
  readonly database: pg.Pool
  /** Of the API, whichever process it is. */
  readonly url: string
  readonly roles: readonly Role[]
  /** Of an operator. */
  readonly adminKey: string
  /** An owner of its own, whose jobs take this route, and their key. */
  newOwner(route: Route): Promise<{ readonly owner: string; readonly key: string }>
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
  DIRECT_TIMEOUT_S: '1',
}
/** Half of the owners on each route. */
const QUEUE_PERCENT = 50
const ADMIN_KEY = 'drill-bootstrap-key'
const SETTINGS = { CALLBACK_ALLOW_LOOPBACK: 'true', MAX_UPLOADS_PER_OWNER: '0', RATE_LIMIT_REQUESTS_PER_S: '0' }

/** Resolves to a sentence when the machine lacks what it needs. */
export async function openWorld(options: { readonly sabotage?: string } = {}): Promise<World | string> {
  await using cleanUp = new AsyncDisposableStack()
  const stores = await startStores()
  if (typeof stores === 'string') return stores
  cleanUp.defer(() => stores.close())
  const [port, directPort] = [await findFreePort(), await findFreePort()]
  const url = `http://127.0.0.1:${port}`
  const directUrl = new URL(`http://127.0.0.1:${directPort}/analyse`)
  const env = environmentOf(stores, { port, url, directUrl: directUrl.href, sabotage: options.sabotage ?? '' })
  const receiver = await startReceiver()
  cleanUp.defer(() => receiver.close())
  const directServer = createDirectServer(directUrl, env)
  cleanUp.defer(() => directServer.close())
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
  await Promise.all([...roles.map((role) => crew.start(role)), directServer.start()])
  let owners = 0
  const opened = cleanUp.move()
  return {
    ...{ stores, crew, receiver, directServer, ports, database, roles, url },
    adminKey: ADMIN_KEY,
    async newOwner(route) {
      do owners += 1
      while (isIn(`owner-${owners}`, QUEUE_PERCENT) !== (route === 'queue'))
      const [owner, key] = [`owner-${owners}`, `drill-key-${owners}`]
      await ports.keys.ensure({ owner, role: 'user', keyHash: hashKey(key), name: 'drill' })
      return { owner, key }
    },
    close: () => opened.disposeAsync(),
  }
}

interface Addresses {
  readonly port: number
  readonly url: string
  readonly directUrl: string
  readonly sabotage: string
}

/** Of every process. */
function environmentOf(stores: Stores, at: Addresses) {
  return {
    ...AWS_ENV,
    ...TIMINGS,
    ...SETTINGS,
    PORT: String(at.port),
    LOG_LEVEL: 'warn',
    DATABASE_URL: stores.databaseUrl,
    REDIS_URL: stores.redisUrl,
    AWS_ENDPOINT_URL: stores.awsUrl,
    USE_QUEUE_SYSTEM: String(QUEUE_PERCENT),
    ANALYSIS_SERVER_URL: at.directUrl,
    WEBHOOK_URL: at.url,
    WEBHOOK_SECRET: 'a secret of the drill',
    BOOTSTRAP_API_KEYS: `drill=${ADMIN_KEY}:admin`,
    CHAOS_SABOTAGE: at.sabotage,
  }
}
