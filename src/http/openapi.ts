/**
 * The document of the API (OpenAPI 3.1): from the schemas that the routes check requests by, and what
 * `descriptions/` says beside them. To be registered before the routes.
 */
import { fastifySwagger } from '@fastify/swagger'
import { ERRORS, type ErrorCode } from '../domain/errors.ts'
import type { App } from './dependencies.ts'
import { COMPONENTS, HEADERS } from './descriptions/components.ts'
import { CUTOVER_OPERATIONS } from './descriptions/cutover-operations.ts'
import { LETTER_OPERATIONS } from './descriptions/dead-letter-operations.ts'
import { EVENT_OPERATIONS } from './descriptions/event-operations.ts'
import { ANSWER_EXAMPLES, BODY_EXAMPLES } from './descriptions/examples.ts'
import { JOB_OPERATIONS } from './descriptions/job-operations.ts'
import { type Operation, TAGS } from './descriptions/operation.ts'
import { OTHER_OPERATIONS } from './descriptions/other-operations.ts'
import { UPLOAD_OPERATIONS } from './descriptions/upload-operations.ts'
import { WEBHOOK_OPERATIONS } from './descriptions/webhook-operations.ts'
import { carriesRetryAfter } from './problems.ts'

export const OPERATIONS: Readonly<Record<string, Operation>> = {
  ...JOB_OPERATIONS,
  ...EVENT_OPERATIONS,
  ...UPLOAD_OPERATIONS,
  ...OTHER_OPERATIONS,
  ...LETTER_OPERATIONS,
  ...WEBHOOK_OPERATIONS,
  ...CUTOVER_OPERATIONS,
}

const ABOUT = [
  'Upload a learner’s recording, follow its analysis live, read the result.',
  'Every error is `application/problem+json`; `code` says which one it is. Times are ISO 8601 in UTC with milliseconds.',
].join('\n\n')

const BASE = {
  openapi: '3.1.0',
  info: { title: 'Tonewire', version: '1.0.0', description: ABOUT, license: { name: 'MIT', identifier: 'MIT' } },
  servers: [{ url: '/' }],
  security: [{ bearer: [] }, { session: [] }],
  tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
  components: COMPONENTS,
}

/** Of an operation as the plugin makes it, and as it is completed here. */
interface Described {
  operationId?: string
  security?: object[]
  parameters?: object[]
  requestBody?: { required?: boolean; content: Record<string, Media> }
  responses: Record<string, { description?: string; headers?: object; content?: Record<string, Media> }>
  [field: string]: unknown
}
interface Media {
  schema?: object
  example?: unknown
  examples?: object
}
export interface OpenapiDocument {
  readonly openapi: string
  readonly paths: Record<string, Record<string, Described>>
  readonly components: { schemas: Record<string, object> }
}

export async function registerOpenapi(app: App): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: BASE as never,
    convertConstToEnum: false,
    transform: ({ schema, url, route }) => {
      const hidden = route.url.startsWith('/docs/') || route.url === '*' || route.url === '/docs'
      const open = route.config?.public === true ? { security: [] } : {}
      return { url, schema: { ...schema, ...open, ...(hidden ? { hide: true } : {}) } }
    },
    transformObject: (made) => complete((made as unknown as { openapiObject: OpenapiDocument }).openapiObject) as never,
  })
}

function complete(document: OpenapiDocument): OpenapiDocument {
  // The page's routes are those of a plugin, which hides them all.
  document.paths['/docs'] = { get: { security: [], responses: {} } }
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, described] of Object.entries(item)) {
      const operation = OPERATIONS[`${method.toUpperCase()} ${path}`]
      if (operation !== undefined) describe(described, operation)
    }
  }
  return nameSchemas(document)
}

function describe(described: Described, operation: Operation): void {
  const { id, tag, summary, description, body, parameters = [], answers = {} } = operation
  Object.assign(described, { operationId: id, tags: [tag], summary }, description && { description })
  if (parameters.length > 0) described.parameters = [...(described.parameters ?? []), ...parameters]
  if (body !== undefined) described.requestBody = { required: true, content: mapValues(body, (schema) => ({ schema })) }
  const isJson = body === undefined && described.requestBody !== undefined
  if (BODY_EXAMPLES[id] !== undefined) giveExamples(described.requestBody?.content, BODY_EXAMPLES[id])
  const given = Object.entries(described.responses).filter(([, { description: text }]) => text !== 'Default Response')
  const kept = Object.keys(answers).length > 0 ? given : Object.entries(described.responses)
  described.responses = structuredClone({ ...Object.fromEntries(kept), ...answers }) as Described['responses']
  const isPublic = described.security !== undefined
  for (const [status, answer] of Object.entries(described.responses)) {
    if (answer.description === 'Default Response') answer.description = status === '202' ? 'Accepted.' : 'Done.'
    answer.headers = headersOf(['x-request-id', ...(isPublic ? [] : RATE_LIMITS), ...(operation.headers ?? [])])
    giveExamples(answer.content, ANSWER_EXAMPLES[id])
  }
  const isStream = operation.tag === 'events'
  const codes = [...new Set([...sharedCodes({ isPublic, isJson }), ...(operation.problems ?? [])])]
  for (const [status, some] of byStatus(codes.filter((code) => !isStream || ERRORS[code].retry === 'never'))) {
    described.responses[status] = problemAnswer(some)
  }
}

const RATE_LIMITS = ['ratelimit-policy', 'ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset']

interface Kind {
  readonly isPublic: boolean
  readonly isJson: boolean
}

function sharedCodes({ isPublic, isJson }: Kind): ErrorCode[] {
  const everywhere: ErrorCode[] = ['request-invalid', 'request-too-large', 'expectation-unknown', 'internal']
  if (isJson) everywhere.push('upload-type-unsupported')
  if (isPublic) return everywhere
  return [...everywhere, 'unauthorized', 'forbidden', 'rate-limited', 'issuer-unavailable', 'database-unavailable']
}

function byStatus(codes: readonly ErrorCode[]): [string, ErrorCode[]][] {
  const groups = Object.groupBy(codes, (code) => String(ERRORS[code].status))
  return Object.entries(groups) as [string, ErrorCode[]][]
}

function problemAnswer(codes: readonly ErrorCode[]): Described['responses'][string] {
  const [first] = codes as [ErrorCode, ...ErrorCode[]]
  const { status } = ERRORS[first]
  const comesBack = codes.some(carriesRetryAfter)
  const names = ['x-request-id', ...(comesBack ? ['retry-after'] : []), ...(status === 401 ? ['www-authenticate'] : [])]
  return {
    description: codes.map((code) => `\`${code}\`: ${ERRORS[code].title}.`).join(' '),
    headers: headersOf(names),
    content: {
      'application/problem+json': {
        schema: { $ref: '#/components/schemas/Problem' },
        examples: Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
      },
    },
  }
}

function headersOf(names: readonly string[]): object {
  const known = names.filter((name) => name in HEADERS)
  return Object.fromEntries(known.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}

function giveExamples(content: Record<string, Media> | undefined, example: unknown): void {
  const media = content?.['application/json']
  if (media !== undefined && example !== undefined) media.example = example
}

/** Schemas that many answers share are said once, under a name. */
const NAMED: readonly [name: string, path: string, method: string, status: string][] = [
  ['Job', '/v1/jobs/{job_id}', 'get', '200'],
  ['Token', '/v1/tokens/{token_id}', 'get', '200'],
  ['Delivery', '/v1/jobs/{job_id}/deliveries/{delivery_id}/replay', 'post', '202'],
]

function nameSchemas(document: OpenapiDocument): OpenapiDocument {
  const names = new Map<string, string>()
  for (const [name, path, method, status] of NAMED) {
    const schema = document.paths[path]?.[method]?.responses[status]?.content?.['application/json']?.schema
    if (schema === undefined) continue
    names.set(JSON.stringify(schema), name)
    document.components.schemas[name] = schema
  }
  const replace = (_key: string, value: unknown): unknown => {
    const name = typeof value === 'object' ? names.get(JSON.stringify(value)) : undefined
    return name === undefined ? value : { $ref: `#/components/schemas/${name}` }
  }
  return { ...document, paths: JSON.parse(JSON.stringify(document.paths, replace)) as OpenapiDocument['paths'] }
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]))
}
