import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, describe, test } from 'node:test'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { createMemoryBudget } from '../../src/storage/memory-budget.ts'
import { createObjectStore, createS3Client } from '../../src/storage/object-store.ts'
import { chunked, newObjectKey, plainOptions } from '../contracts/object-store-bodies.ts'
import { startTestAws } from '../support/aws.ts'

const MIB = 1024 * 1024
const aws = await startTestAws()
const s3 = createS3Client({ region: aws.region, endpoint: aws.endpoint, credentials: aws.client.credentials })
after(() => s3.destroy())
await s3.send(new CreateBucketCommand({ Bucket: aws.bucket }))
const open = (budget = createMemoryBudget(64 * MIB)) => createObjectStore(s3, aws.bucket, { budget })

describe('memory of uploads', () => {
  test('of 200 of unknown size 100 stall: once those are ended all others finish, within the budget', async () => {
    const budget = createMemoryBudget(64 * MIB)
    const store = open(budget)
    const bytes = randomBytes(100_000)
    const watch = watchUsed(budget)
    const controllers: AbortController[] = []
    const puts = Array.from({ length: 200 }, (_, index) => {
      const stalls = index % 2 === 0
      const controller = new AbortController()
      if (stalls) controllers.push(controller)
      const body = stalls ? stalling() : watch.around(chunked(bytes))
      const options = { contentType: 'audio/wav', signal: controller.signal }
      return { stalls, key: newObjectKey(), body, options }
    })
    const outcomes = puts.map(({ key, body, options }) => store.put(key, body, options))
    const settling = Promise.allSettled(outcomes)
    assert.equal(budget.usedBytes, 60 * MIB)
    assert.equal(budget.waiting, 188)
    for (const controller of controllers) controller.abort(new Error('stalled'))
    const settled = await settling
    assert.deepEqual(
      settled.map(({ status }) => status),
      puts.map(({ stalls }) => (stalls ? 'rejected' : 'fulfilled')),
    )
    assert.ok(watch.most() <= budget.totalBytes)
    assert.deepEqual([budget.usedBytes, budget.waiting], [0, 0])
    for (const { key } of puts.filter(({ stalls }) => !stalls).slice(0, 5)) {
      assert.ok(bytes.equals(await buffer(await store.get(key))))
    }
  })

  test('a slow sender keeps its buffer while nobody waits, and loses it to who has waited', async () => {
    const budget = createMemoryBudget(5 * MIB, { holdMs: 50 })
    const slow = assert.rejects(open(budget).put(newObjectKey(), stalling(), plainOptions()), {
      code: 'upload-too-slow',
    })
    const key = newObjectKey()
    await open(budget).put(key, chunked(Buffer.from('next')), plainOptions())
    await slow
    assert.equal((await buffer(await open(budget).get(key))).toString(), 'next')
    assert.deepEqual([budget.usedBytes, budget.waiting], [0, 0])
  })

  test('who waits for memory is not read', async () => {
    const budget = createMemoryBudget(5 * MIB)
    const lease = await budget.take(1, new AbortController().signal)
    let read = 0
    const body = new Readable({
      read() {
        read += 1
        this.push(null)
      },
    })
    const put = open(budget).put(newObjectKey(), body, plainOptions())
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual([read, budget.waiting], [0, 1])
    lease.release()
    await put
    assert.equal(read, 1)
  })

  test('a body of exact size takes nothing of the budget', async () => {
    const budget = createMemoryBudget(1)
    const lease = await budget.take(1, new AbortController().signal)
    const key = newObjectKey()
    const bytes = randomBytes(9 * MIB)
    await open(budget).put(key, chunked(bytes), plainOptions({ bytes: bytes.length, exact: true }))
    assert.ok(bytes.equals(await buffer(await open().get(key))))
    lease.release()
  })

  test('300 stalled uploads of exact size hold back no other', async () => {
    const store = open()
    const controller = new AbortController()
    const stalled = Array.from({ length: 300 }, () => {
      const options = { contentType: 'audio/wav', signal: controller.signal, size: { bytes: 100_000, exact: true } }
      return store.put(newObjectKey(), stalling(), options)
    })
    const settling = Promise.allSettled(stalled)
    const bytes = randomBytes(100_000)
    const keys = Array.from({ length: 20 }, newObjectKey)
    const size = { bytes: bytes.length, exact: true }
    await Promise.all(keys.map((key) => store.put(key, chunked(bytes), plainOptions(size))))
    controller.abort(new Error('enough'))
    assert.ok((await settling).every(({ status }) => status === 'rejected'))
  })

  test('a body comes no faster than S3 takes it: one part is ahead at most', async () => {
    const budget = createMemoryBudget(64 * MIB)
    let most = 0
    async function* bytes() {
      for (let i = 0; i < 320; i += 1) {
        most = Math.max(most, budget.usedBytes)
        yield Buffer.alloc(65_536)
      }
    }
    await open(budget).put(newObjectKey(), Readable.from(bytes(), { objectMode: false }), plainOptions())
    assert.equal(most, 5 * MIB)
  })
})

/** A few bytes, then nothing, until it is destroyed. */
function stalling(): PassThrough {
  const body = new PassThrough()
  body.write(Buffer.alloc(10))
  return body
}

/** The most that was used whenever a body was read. */
function watchUsed(budget: { readonly usedBytes: number }) {
  let most = 0
  const around = (body: Readable): Readable => {
    body.on('data', () => {
      most = Math.max(most, budget.usedBytes)
    })
    return body.pause()
  }
  return { around, most: () => most }
}
