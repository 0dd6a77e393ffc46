/** Hostile requests from the API's own description: each operation, with values that its schemas do not expect. */
import { draw, type HostileContext, type HostileRequest, pick, rawRequest } from './upload-hostile-requests.ts'

export interface Operation {
  readonly method: string
  /** With its parameters in braces. */
  readonly path: string
  /** Names of query parameters. */
  readonly query: readonly string[]
  /** Names of the properties of a JSON body; undefined when it takes none. */
  readonly body: readonly string[] | undefined
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DescribedOperation>>>>
}

interface DescribedOperation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
  readonly requestBody?: {
    readonly content?: Readonly<Record<string, { readonly schema?: { readonly properties?: object } }>>
  }
}

/** Every operation that /openapi.json describes. Throws when there is no description. */
export async function readOperations(url: string, key: string): Promise<Operation[]> {
  const answer = await fetch(`${url}/openapi.json`, { headers: { authorization: `Bearer ${key}` } })
  if (!answer.ok) throw new Error(`/openapi.json answered ${answer.status}`)
  const { paths } = (await answer.json()) as Description
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { parameters = [], requestBody }]) => {
      const query = parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name)
      const schema = requestBody?.content?.['application/json']?.schema
      return { method: method.toUpperCase(), path, query, body: schema && Object.keys(schema.properties ?? {}) }
    }),
  )
}

const TEXTS = [
  '',
  '0',
  '-1',
  '1e999',
  'NaN',
  'null',
  'true',
  '\0',
  '\ud800',
  '\u202e',
  '../..',
  "' or 1=1 --",
  '%',
  '{}',
  '[]',
  'x'.repeat(3_000),
]
const TIMES = ['9999-12-31T23:59:59.999Z', '0000-00-00', '+275760-09-13T00:00:00.001Z', '2026-02-30T00:00:00Z']
const IDS = [
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '019aa000-0000-7000-8000-000000000001',
  'a',
  '__proto__',
]
const VALUES = [
  ...TEXTS,
  ...TIMES,
  ...IDS,
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  1e308,
  [],
  {},
  [[]],
  [null],
  { a: { b: 'c' } },
]

/** So many, every operation in turn. */
export function madeFromOperations(
  operations: readonly Operation[],
  count: number,
  context: HostileContext,
): HostileRequest[] {
  return Array.from({ length: count }, (_, index) => fromOperation(operations[index % operations.length]!, context))
}

function fromOperation({ method, path, query, body }: Operation, context: HostileContext): HostileRequest {
  const filled = path.replaceAll(/\{[^}]+\}/g, () => encode(String(pick(context, [...IDS, ...TEXTS.slice(1)]))))
  const pairs = query
    .filter(() => draw(context, 2) === 0)
    .map((name) => `${name}=${encode(String(pick(context, VALUES)))}`)
  const search = pairs.length === 0 ? '' : `?${pairs.join('&')}`
  const members = body?.map((name) => [name, pick(context, VALUES)])
  const json = members === undefined ? '' : JSON.stringify(Object.fromEntries(members))
  const headers = body === undefined ? [] : ['content-type: application/json']
  const bytes = rawRequest({ method, path: filled + search, key: context.key, headers, body: json })
  return {
    name: `${method} ${filled.slice(0, 60)}${search.slice(0, 100)} ${json.slice(0, 200)}`,
    bytes: [bytes],
    complete: true,
  }
}

/** Percent-encoded, with a lone surrogate as bytes that are no UTF-8. */
function encode(value: string): string {
  return value.isWellFormed() ? encodeURIComponent(value) : '%ed%a0%80'
}
