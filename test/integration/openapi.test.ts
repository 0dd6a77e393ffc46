import assert from 'node:assert/strict'
import { test } from 'node:test'
import parser from '@apidevtools/swagger-parser'
import { openBareApp } from '../../scripts/docs/describe-api.ts'
import { ERRORS } from '../../src/domain/errors.ts'
import { OPERATIONS } from '../../src/http/openapi.ts'
import { createSchemaCheck, operationsOf } from '../support/openapi.ts'

const app = await openBareApp()
const document = structuredClone(app.swagger()) as never as Parameters<typeof operationsOf>[0]
const routes = app.printRoutes({ commonPrefix: false })
await app.close()
const operations = operationsOf(document)

/** `METHOD /path/{id}` of every route of the tree that Fastify prints; HEAD goes with GET, and the page has parts. */
function registered(tree: string): string[] {
  const path: string[] = []
  return tree.split('\n').flatMap((line) => {
    const [, indent = '', segment = '', methods = ''] = /^([│ ]*)[├└]── (\S*) \(([^)]*)\)/.exec(line) ?? []
    if (methods === '') return []
    path.splice(indent.length / 4, path.length, segment)
    const url = path.join('').replace(/:(\w+)/g, '{$1}')
    if (url.startsWith('/docs/') || url === '*') return []
    const named = methods.split(', ').filter((method) => method !== 'HEAD' && method !== 'OPTIONS')
    return named.map((method) => `${method} ${url}`)
  })
}

test('the document is OpenAPI 3.1', async () => {
  await parser.validate(structuredClone(document) as never)
  assert.equal(document.openapi, '3.1.0')
})

test('every route is in the document, described, and nothing else is', () => {
  const inDocument = operations.map(({ name }) => name).sort()
  assert.deepEqual(inDocument, registered(routes).sort())
  assert.deepEqual(inDocument, Object.keys(OPERATIONS).sort())
  const ids = operations.map(({ operation }) => operation.operationId)
  assert.equal(new Set(ids).size, ids.length)
})

test('every code is in the document, with an example', () => {
  const { schemas, examples } = document.components
  assert.deepEqual(schemas.Problem.properties.code.enum, Object.keys(ERRORS))
  assert.deepEqual(Object.keys(examples), Object.keys(ERRORS))
})

test('every example is as its schema says, and every answer that is JSON has one', () => {
  const check = createSchemaCheck(document)
  let checked = 0
  for (const { name, operation } of operations) {
    const bodies = [['request', operation.requestBody] as const, ...Object.entries(operation.responses)]
    for (const [status, body] of bodies) {
      for (const [type, media] of Object.entries(body?.content ?? {})) {
        const pointer = `${name} ${status} ${type}`
        const refs = Object.keys(media.examples ?? {}).map((code) => document.components.examples[code]?.value)
        const given = [...refs, ...('example' in media ? [media.example] : [])]
        const isOwnSchema = JSON.stringify(media.schema) === '{"type":"object"}'
        if (/json$/.test(type) && !isOwnSchema) assert.ok(given.length > 0, `${pointer} has no example`)
        for (const example of given) assert.deepEqual(check(media.schema, example), [], pointer)
        checked += given.length
      }
    }
  }
  assert.ok(checked > 100, `${checked} examples`)
})

test('what is open is what the contract says: the session, the webhook, and what tools ask', () => {
  const open = operations.filter(({ operation }) => operation.security?.length === 0).map(({ name }) => name)
  assert.deepEqual(open.sort(), [
    ...['DELETE /v1/session', 'GET /asyncapi.json', 'GET /docs', 'GET /livez', 'GET /metrics', 'GET /openapi.json'],
    ...['GET /readyz', 'POST /v1/session', 'POST /webhooks/analysis'],
  ])
})
