/** The variables of the direct route and of the flag that moves traffic from it; they go together with it. */
import { Type } from 'typebox'

const optional = (description: string, options: object = {}) =>
  Type.Optional(Type.String({ minLength: 1, description, ...options }))
const SHARE = '^(true|false|(100(\\.0{1,2})?|[0-9]{1,2}(\\.[0-9]{1,2})?)%?)$'
const ADDRESSES = '^[0-9A-Fa-f.:]*[.:][0-9A-Fa-f.:/]*(\\s*,\\s*[0-9A-Fa-f.:/]+)*$'

export const cutoverProperties = {
  USE_QUEUE_SYSTEM: Type.String({
    default: 'true',
    pattern: SHARE,
    examples: ['true, false or a percentage'],
    description:
      'Share of owners whose new jobs take the queue, until an operator sets the flag: `true`, `false`, 0–100',
  }),
  USE_QUEUE_SYSTEM_FORCE: optional('The same, above the flag and whatever an operator sets', {
    pattern: SHARE,
    examples: ['true, false or a percentage'],
  }),
  FLAG_PROVIDER: optional(
    'Module whose export `createProvider` makes an OpenFeature provider for the flag `use-queue-system`; by default our own',
    { examples: ['@example/our-flags'] },
  ),
  ANALYSIS_SERVER_URL: optional('The analysis server of the direct route; without it there is no such route', {
    pattern: '^https?://',
    examples: ['http://host:8000/analyse'],
  }),
  WEBHOOK_URL: optional('Public base of this API, where the analysis server of the direct route answers', {
    pattern: '^https?://',
    examples: ['https://api.example'],
  }),
  WEBHOOK_SECRET: optional('Signs those answers: known to this API and the analysis server alone', {
    pattern: '^.{16,}$',
    examples: ['at least 16 random characters'],
  }),
  WEBHOOK_ALLOW_UNSIGNED_FROM: optional(
    'Addresses of an analysis server that cannot sign, comma separated; by default none is let in without a signature',
    { pattern: ADDRESSES, examples: ['10.0.0.5,10.1.0.0/16'] },
  ),
  LEGACY_UPLOAD_OWNER: optional(
    'Owner of uploads by `POST /{token_id}/upload-audio` that come without a key; by default they are refused',
    { pattern: '^[A-Za-z0-9][A-Za-z0-9._@|+-]{0,63}$', examples: ['acme'] },
  ),
  LEGACY_INTEGER_TOKEN_IDS: Type.Union([Type.Literal('true'), Type.Literal('false')], {
    default: 'false',
    description:
      'Orders of the direct route name a token whose id is all digits by a JSON number, as old servers expect',
  }),
  DIRECT_CONCURRENCY: Type.Integer({
    default: 50,
    minimum: 1,
    maximum: 10_000,
    description: 'Calls to the analysis server at once, of one process; above it the row waits for the reconciler',
  }),
  DIRECT_TIMEOUT_S: Type.Number({
    default: 10,
    minimum: 0.05,
    maximum: 300,
    description: 'Time the analysis server has to answer an order; to connect it has half of it',
  }),
  DIRECT_ANSWER_TIMEOUT_S: Type.Number({
    default: 1800,
    minimum: 0.05,
    maximum: 30 * 86_400,
    description:
      'Time after which a job of the direct route fails whose result has not come, from the order on, and from its first word of progress',
  }),
  GUARD_INTERVAL_S: Type.Number({
    default: 10,
    minimum: 0.05,
    maximum: 3600,
    description: 'Pause between two looks of the guard that may take the cutover back',
  }),
  GUARD_WEBHOOK_URL: optional('Told by POST, as JSON, what the guard did', {
    pattern: '^https?://',
    examples: ['https://alerts.example/tonewire'],
  }),
}
