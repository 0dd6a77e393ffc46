/**
 * The environment: every variable with its type, bounds, default and description, in this one place.
 * `docs/environment.md` and `.env.example` are generated from here; a wrong value stops the start with every problem listed.
 */
import { type Static, type TObject, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'

const optional = (description: string, options: object = {}) =>
  Type.Optional(Type.String({ minLength: 1, description, ...options }))
const text = (byDefault: string, description: string, options: object = {}) =>
  Type.String({ minLength: 1, default: byDefault, description, ...options })
const integer = (byDefault: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: byDefault, minimum, maximum, description })

export const environmentSchema = Type.Object({
  PORT: integer(3000, 0, 65_535, 'Port of the API; 0 takes a free one'),
  HOST: text('127.0.0.1', 'Address the API listens on'),
  OPS_PORT: integer(0, 0, 65_535, 'Port on which a worker answers `/livez`, `/readyz` and `/metrics`; 0 is none'),
  LOG_LEVEL: Type.Union(
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'].map((level) => Type.Literal(level)),
    { default: 'info', description: 'Lowest level that is logged' },
  ),
  DATABASE_URL: optional('PostgreSQL 15 or later; without it an embedded database in `DATA_DIR`', {
    pattern: '^postgres(ql)?://',
    examples: ['postgres://user:password@host:5432/name'],
  }),
  DATABASE_POOL: integer(10, 1, 200, 'Most connections to PostgreSQL held by one process'),
  REDIS_URL: optional('Redis 6.2 or Valkey; without it a redis-server of our own', {
    pattern: '^rediss?://',
    examples: ['redis://host:6379'],
  }),
  AWS_REGION: text('us-east-1', 'Region of the bucket and the queues'),
  AWS_ENDPOINT_URL: optional('Any S3- and SQS-compatible endpoint; without it AWS, or embedded stand-ins', {
    pattern: '^https?://',
    examples: ['http://host:4566'],
  }),
  S3_BUCKET: text('audio-bucket', 'Bucket of recordings and large results'),
  SQS_QUEUE_URL: optional('The queue of analysis orders; by default looked up by its name', {
    pattern: '^https?://',
    examples: ['https://host/000000000000/name'],
  }),
  SQS_RESULT_QUEUE_URL: optional('The queue of results; by default looked up by its name', {
    pattern: '^https?://',
    examples: ['https://host/000000000000/name'],
  }),
  METRICS_TOKEN: optional('Bearer token of `/metrics`, needed when the API is not on loopback'),
  BOOTSTRAP_API_KEYS: optional('Keys made at start if missing: `owner=key[:admin]`, comma separated'),
  MAX_UPLOAD_BYTES: integer(200 * 1024 ** 2, 1, 5 * 1024 ** 3, 'Largest recording that is accepted'),
  UPLOAD_TIMEOUT_S: integer(900, 1, 86_400, 'Longest time an upload may take'),
  MAX_DURATION_S: integer(3600, 1, 86_400, 'Longest recording that is analysed'),
  ANALYSIS_TIMEOUT_S: integer(600, 1, 43_200, 'Longest time one analysis may take'),
  ANALYSIS_THREADS: integer(0, 0, 256, 'Analysis threads of one process; 0 is one per core'),
  FORWARD_CONCURRENCY: integer(100, 1, 1000, 'Jobs one forwarder handles at once'),
  RECORD_CONCURRENCY: integer(20, 1, 1000, 'Results one recorder handles at once'),
  RECONCILE_INTERVAL_S: Type.Number({
    default: 5,
    minimum: 0.05,
    maximum: 3600,
    description: 'Pause between two passes of the reconciler',
  }),
  STALLED_AFTER_S: Type.Number({
    default: 15,
    minimum: 0.05,
    maximum: 86_400,
    description: 'A job that waits in Redis untouched for this long is added again (harmless while it waits there)',
  }),
  IN_FLIGHT_CHECK_S: Type.Number({
    default: 120,
    minimum: 0.05,
    maximum: 86_400,
    description: 'A job in SQS untouched for this long is looked at, and sent again when the queues are empty',
  }),
  MAX_JOB_AGE_S: integer(86_400, 1, 30 * 86_400, 'Age at which an unfinished job ends as failed'),
  STOP_TIMEOUT_S: integer(25, 1, 3600, 'Time to finish what is held when stopping; then it is given back'),
  DATA_DIR: text('.data', 'Folder of the embedded stores'),
})

type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<CamelCase<Tail>>}`
  : Lowercase<S>
type Environment = Static<typeof environmentSchema>
/** The environment in camelCase: `MAX_UPLOAD_BYTES` is `maxUploadBytes`. */
export type Config = { readonly [Name in keyof Environment as CamelCase<Name>]: Environment[Name] }

/** Every problem of an environment, a line each. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`The environment is not valid:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** Reads the environment; an empty variable counts as unset. Throws a ConfigError that lists every problem. */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = []
  const config: Record<string, unknown> = {}
  for (const [name, schema] of propertiesOf(environmentSchema)) {
    const given = env[name] === '' ? undefined : env[name]
    const value = given === undefined ? schema.default : convert(schema, given)
    config[camelCase(name)] = value
    if (given !== undefined && !Value.Check(schema, value)) problems.push(`${name}: ${explain(schema, given)}`)
  }
  problems.push(...problemsOfKeys(config.bootstrapApiKeys as string | undefined))
  if (problems.length > 0) throw new ConfigError(problems)
  return config as Config
}

export interface BootstrapKey {
  readonly owner: string
  readonly key: string
  readonly role: 'user' | 'admin'
}

const BOOTSTRAP_KEY = /^([A-Za-z0-9][A-Za-z0-9._@|+-]{0,63})=([^\s,:]{8,200})(?::(admin))?$/

/** The keys of `BOOTSTRAP_API_KEYS`. */
export function parseBootstrapKeys(list: string | undefined): BootstrapKey[] {
  return splitList(list).flatMap((entry) => {
    const [, owner, key, admin] = BOOTSTRAP_KEY.exec(entry) ?? []
    return owner === undefined || key === undefined ? [] : [{ owner, key, role: admin ?? 'user' } as BootstrapKey]
  })
}

/** Every variable with its schema, in the order of the documentation. */
export function propertiesOf(schema: TObject): [string, TSchema & { default?: unknown; description?: string }][] {
  return Object.entries(schema.properties)
}

function problemsOfKeys(list: string | undefined): string[] {
  return splitList(list).flatMap((entry, index) => {
    if (BOOTSTRAP_KEY.test(entry)) return []
    return [`BOOTSTRAP_API_KEYS: entry ${index + 1} is not owner=key[:admin] with a key of 8 to 200 characters`]
  })
}

function splitList(list: string | undefined): string[] {
  return (list ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}

function convert(schema: TSchema, given: string): unknown {
  const { type } = schema as { type?: string }
  if (type !== 'integer' && type !== 'number') return given
  return /^-?\d+(\.\d+)?$/.test(given.trim()) ? Number(given) : given
}

function explain(schema: TSchema, given: string): string {
  const rule = schema as {
    type?: string
    minimum?: number
    maximum?: number
    pattern?: string
    examples?: string[]
    anyOf?: { const: string }[]
  }
  const shown = given.length > 40 ? `${given.slice(0, 40)}…` : given
  if (rule.anyOf) return `"${shown}" is none of ${rule.anyOf.map((option) => option.const).join(', ')}`
  if (rule.examples) return `does not look like ${rule.examples[0]}`
  return `"${shown}" is not ${rule.type === 'integer' ? 'a whole number' : 'a number'} from ${rule.minimum} to ${rule.maximum}`
}

function camelCase(name: string): string {
  return name.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}
