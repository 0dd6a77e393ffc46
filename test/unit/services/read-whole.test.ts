import assert from 'node:assert/strict'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import { AppError } from '../../../src/domain/errors.ts'
import { withWhole } from '../../../src/services/read-whole.ts'
import { createMemoryBudget } from '../../../src/storage/memory-budget.ts'

const never = new AbortController().signal
const STEP = 64 * 1024
const tooLarge = () => new AppError('reference-invalid', 'too large')
const rules = { maxBytes: 1000, tooLarge, signal: never }
const read = async (bytes: Buffer) => bytes.toString()

test('a body is read whole, and its memory is held until it has been used', async () => {
  const memory = createMemoryBudget(STEP)
  const used = await withWhole(
    { memory },
    Readable.from([Buffer.from('ab'), Buffer.from('c')]),
    rules,
    async (bytes) => {
      assert.equal(memory.usedBytes, STEP)
      return bytes.toString()
    },
  )
  assert.deepEqual([used, memory.usedBytes], ['abc', 0])
})

test('what is too large, breaks or cannot be used gives its memory back', async () => {
  const memory = createMemoryBudget(STEP)
  const broken = new Readable({ read() {} })
  const reading = withWhole({ memory }, broken, rules, read)
  broken.destroy(new Error('cut'))
  await assert.rejects(reading, /cut/)
  await assert.rejects(withWhole({ memory }, Readable.from([Buffer.alloc(1001)]), rules, read), /too large/)
  const refuse = () => Promise.reject(new Error('faulty'))
  await assert.rejects(withWhole({ memory }, Readable.from([Buffer.alloc(1000)]), rules, refuse), /faulty/)
  assert.equal(memory.usedBytes, 0)
})

test('a slow sender keeps its memory while nobody waits, and loses it to who has waited', async () => {
  const memory = createMemoryBudget(STEP, { holdMs: 20 })
  const slow = new PassThrough()
  const reading = withWhole({ memory }, slow, rules, read)
  slow.write('a')
  const other = withWhole({ memory }, Readable.from([Buffer.from('next')]), rules, read)
  await assert.rejects(reading, { code: 'upload-too-slow' })
  assert.equal(await other, 'next')
})

test('the sender’s clock stands still while memory is waited for', async () => {
  const memory = createMemoryBudget(STEP)
  const held = await memory.take(STEP, never)
  const told: string[] = []
  const pace = { waiting: () => told.push('waiting'), received: (bytes: number) => told.push(`received ${bytes}`) }
  const reading = withWhole({ memory }, Readable.from([Buffer.from('abc')]), { ...rules, pace }, read)
  await new Promise(setImmediate)
  assert.deepEqual(told, [])
  held.release()
  assert.equal(await reading, 'abc')
  assert.deepEqual(told, ['waiting', 'received 3', 'waiting', 'received 0'])
})
