import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { AppError } from '../../src/domain/errors.ts'
import { createFormatPool, type FormatPoolOptions } from '../../src/media/format-pool.ts'
import { createFakeFormatter } from '../fakes/fake-formatter.ts'
import { describeFormatter, resultJson } from './formatter-suite.ts'

function openPool(options?: FormatPoolOptions) {
  const pool = createFormatPool(options)
  after(() => pool.close())
  return pool
}

const hasCode = (code: string) => (error: unknown) => error instanceof AppError && error.code === code

describeFormatter('the formatter in this thread', createFakeFormatter)
describeFormatter('the formatter with a thread', () => openPool())

test('no more wait than may, and a result is read only when it is its turn', async () => {
  const pool = openPool({ maxWaiting: 1 })
  const json = Buffer.from(resultJson())
  const first = Promise.withResolvers<Uint8Array>()
  let read = 0
  const readLate = async () => {
    read++
    return json
  }
  const running = pool.format({ read: () => first.promise }, 'csv')
  const waiting = pool.format({ read: readLate }, 'csv')
  await assert.rejects(pool.format({ read: readLate }, 'csv'), hasCode('formatter-busy'))
  assert.equal(read, 0)
  first.resolve(json)
  await Promise.all([running, waiting])
  assert.equal(read, 1)
})

test('a result that takes too long is given up, and the next is formatted', async () => {
  const pool = openPool({ timeoutMs: 1 })
  const long = Buffer.from(resultJson(500_000))
  await assert.rejects(pool.format({ read: async () => long }, 'csv'), hasCode('result-too-large'))
  assert.ok((await pool.format({ json: resultJson() }, 'csv')).length > 0)
})

test('closing fails what waits, and what is asked for after', async () => {
  const pool = createFormatPool()
  const first = Promise.withResolvers<Uint8Array>()
  const running = assert.rejects(pool.format({ read: () => first.promise }, 'csv'), hasCode('shutting-down'))
  const closed = pool.close()
  first.resolve(Buffer.from(resultJson()))
  await Promise.all([running, closed])
  await assert.rejects(pool.format({ read: () => first.promise }, 'csv'), hasCode('shutting-down'))
})
