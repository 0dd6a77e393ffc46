import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { parseAnalysisAnswer, parseAnalysisRequest } from '../../../src/domain/messages.ts'
import { describeQueues } from '../../../src/http/asyncapi.ts'

interface Message {
  readonly payload: object
  readonly examples: readonly { readonly payload: unknown }[]
}
const document = describeQueues() as { components: { messages: Record<string, Message> } }
const { messages } = document.components

function createAjv(options: object = {}): Ajv {
  const ajv = new Ajv({ strict: false, allErrors: true, ...options })
  addFormats.default(ajv)
  return ajv
}

test('the description of the queues is AsyncAPI 3.0', () => {
  const place = new URL('../../../node_modules/@asyncapi/specs/schemas/3.0.0.json', import.meta.url)
  // The schema brings draft-07 itself along.
  const validate = createAjv({ meta: false, validateSchema: false }).compile(
    JSON.parse(readFileSync(place, 'utf8')) as object,
  )
  assert.ok(validate(document), JSON.stringify(validate.errors?.slice(0, 5)))
})

test('every example is as its message says', () => {
  for (const [name, { payload, examples }] of Object.entries(messages)) {
    assert.ok(examples.length > 0, name)
    const validate = createAjv().compile(payload)
    for (const { payload: example } of examples)
      assert.ok(validate(example), `${name}: ${JSON.stringify(validate.errors)}`)
  }
})

test('every example of an order or an answer is taken by the checks that messages meet', () => {
  for (const [name, { examples }] of Object.entries(messages)) {
    const parse = name === 'order' ? parseAnalysisRequest : parseAnalysisAnswer
    if (name !== 'job') for (const { payload } of examples) parse(JSON.stringify(payload))
  }
})
