/**
 * The environment: every variable with its type, bounds, default and description, in this one place (those of the cutover
 * in `environment-cutover.ts`).
 * `docs/environment.md` and `.env.example` are generated from here.
 */
import { type TObject, type TSchema, Type } from 'typebox'
import { cutoverProperties } from './environment-cutover.ts'

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
  DATABASE_POOL: integer(
    10,
    1,
    200,
    'Most connections to PostgreSQL held by one process; whoever compares the routes, as the API, the reconciler and each whose `/metrics` are read do, holds three more',
  ),
  REDIS_URL: optional(
    'Redis 6.2 or Valkey, or several nodes of a cluster, comma separated; without it one of our own',
    {
      pattern: '^rediss?://',
      examples: ['redis://host:6379', 'redis://one:7000,two:7000,three:7000'],
    },
  ),
  AWS_REGION: text('us-east-1', 'Region of the bucket and the queues'),
  AWS_ENDPOINT_URL: optional('Any S3- and SQS-compatible endpoint; without it AWS, or embedded stand-ins', {
    pattern: '^https?://',
    examples: ['http://host:4566'],
  }),
  S3_PUBLIC_ENDPOINT_URL: optional('Where browsers reach S3; by default `AWS_ENDPOINT_URL`, or AWS', {
    pattern: '^https?://',
    examples: ['https://files.example'],
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
  BOOTSTRAP_API_KEYS: optional(
    'Keys made at start if missing: `owner=key[:admin]`, comma separated; never again one that was revoked or whose owner was deleted',
  ),
  SESSION_SECRET: optional('Signs session cookies; without it a random one, so that sessions end with the process', {
    pattern: '^.{32,}$',
    examples: ['at least 32 random characters'],
  }),
  JWT_ISSUER: optional("Issuer of your users' access tokens; with `JWT_AUDIENCE` they are taken besides keys", {
    pattern: '^https?://[^\\s?#]+$',
    examples: ['https://login.example.com'],
  }),
  JWT_AUDIENCE: optional('Audience that an access token must be made for'),
  JWT_OWNER_CLAIM: text('sub', 'Claim of an access token that names the owner'),
  MAX_UPLOAD_BYTES: integer(200 * 1024 ** 2, 1, 5 * 1024 ** 3, 'Largest recording that is accepted'),
  UPLOAD_STALL_S: integer(30, 1, 3600, 'Longest silence of a client in the middle of its upload'),
  UPLOAD_MIN_BYTES_PER_S: integer(1024, 1, 1024 ** 3, 'What a client must send on average; it earns time to be silent'),
  UPLOAD_MEMORY_BYTES: integer(
    128 * 1024 ** 2,
    16 * 1024 ** 2,
    64 * 1024 ** 3,
    'Ceiling for the buffers of all uploads of one process, beside the heads (144 KiB at most) of each; who finds no room waits',
  ),
  UPLOAD_TIMEOUT_S: integer(900, 1, 86_400, 'Longest time an upload may take, its waiting for us included'),
  DIRECT_UPLOAD_TIMEOUT_S: integer(
    3600,
    1,
    86_400,
    'Longest time an upload straight to S3 may take; each URL is good for 15 minutes of it',
  ),
  CORS_ORIGINS: optional('Origins whose pages may call the API and send to S3, comma separated; by default none', {
    pattern: '^https?://[^/,\\s*]+(\\s*,\\s*https?://[^/,\\s*]+)*$',
    examples: ['https://app.example,https://www.example'],
  }),
  MAX_DURATION_S: integer(3600, 1, 86_400, 'Longest recording that is analysed'),
  ANALYSIS_TIMEOUT_S: integer(600, 1, 43_200, 'Longest time one analysis may take'),
  ANALYSIS_ALLOWED_S3_PREFIXES: optional(
    'Where orders may name TextGrids and pitch files of any owner: places in `S3_BUCKET`, each with a slash at its end, comma separated',
    {
      pattern: '^s3://[^/,\\s]+/([^,]+/)?(\\s*,\\s*s3://[^/,\\s]+/([^,]+/)?)*$',
      examples: ['s3://audio-bucket/lessons/'],
    },
  ),
  ANALYSIS_THREADS: integer(0, 0, 256, 'Analysis threads of one process; 0 is one per core'),
  FORWARD_CONCURRENCY: integer(100, 1, 1000, 'Jobs one forwarder handles at once'),
  FORWARD_WINDOW: integer(1000, 1, 1_000_000, 'Jobs unfinished in SQS above which the forwarder holds back'),
  FORWARD_WINDOW_PER_OWNER: integer(0, 0, 1_000_000, 'How many of these may be of one owner; 0 is half of them'),
  JOB_LOCK_S: integer(10, 1, 3600, 'Time after which what a killed forwarder held waits again'),
  VISIBILITY_TIMEOUT_S: integer(30, 1, 43_200, 'Time after which what a killed consumer of SQS held comes back'),
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
  SWEEP_INTERVAL_S: Type.Number({
    default: 3600,
    minimum: 0.05,
    maximum: 7 * 86_400,
    description: 'Pause between two sweeps for objects without a row and rows without an object',
  }),
  RETENTION_DAYS: integer(
    90,
    0,
    36_500,
    'Days after which an ended job loses its recording, its result and what is personal; 0 is never',
  ),
  CALLBACK_ALLOW_LOOPBACK: Type.Union([Type.Literal('true'), Type.Literal('false')], {
    default: 'false',
    description: 'For tests only: a `callback_url` may be http and point to this machine',
  }),
  RATE_LIMIT_REQUESTS_PER_S: integer(
    1000,
    0,
    1_000_000,
    'Requests per second of one owner, ten seconds’ worth at once; 0 is no limit',
  ),
  RATE_LIMIT_BYTES_PER_S: integer(
    512 * 1024 ** 2,
    0,
    1024 ** 4,
    'Uploaded bytes per second of one owner, a minute’s worth at once; 0 is no limit',
  ),
  MAX_UPLOADS_PER_OWNER: integer(500, 0, 100_000, 'Uploads of one owner at once; 0 is no limit'),
  MAX_UNFINISHED_JOBS_PER_OWNER: integer(10_000, 0, 1_000_000, 'Unfinished jobs of one owner; 0 is no limit'),
  MAX_STREAMS: integer(8000, 1, 1_000_000, 'Event streams of one process; who comes when it is full comes back later'),
  MAX_STREAMS_PER_OWNER: integer(500, 1, 1_000_000, 'Event streams of one owner on one process'),
  STREAM_LIFETIME_S: integer(
    600,
    1,
    86_400,
    'An event stream ends after half of this to all of it, and its client comes back, to whichever process',
  ),
  HEADERS_TIMEOUT_S: integer(15, 1, 300, 'Time a client has for the headers of a request'),
  KEEP_ALIVE_S: integer(
    75,
    1,
    3600,
    'How long an idle connection is kept; longer than the load balancer keeps its own',
  ),
  MAX_CONNECTIONS: integer(10_000, 0, 1_000_000, 'Connections of one process; 0 is no limit'),
  TRUST_PROXY: optional(
    'Proxies whose `x-forwarded-` headers count: how many there are, or their addresses, comma separated; by default none',
    { pattern: '^([1-9][0-9]?|[0-9A-Fa-f.:]*[.:][0-9A-Fa-f.:/]*(\\s*,\\s*[0-9A-Fa-f.:/]+)*)$', examples: ['1'] },
  ),
  ...cutoverProperties,
  STOP_TIMEOUT_S: integer(25, 1, 3600, 'Time to finish what is held when stopping; then it is given back'),
  DATA_DIR: text('.data', 'Folder of the embedded stores'),
})

/** Every variable with its schema, in the order of the documentation. */
export function propertiesOf(schema: TObject): [string, TSchema & { default?: unknown; description?: string }][] {
  return Object.entries(schema.properties)
}
