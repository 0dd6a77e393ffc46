import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { AppError } from '../../src/domain/errors.ts'
import { chunked, newObjectKey, type OpenObjectStore, plainOptions, writeAll } from './object-store-bodies.ts'
import { describeListing } from './object-store-listing.ts'
import { describeSizes } from './object-store-sizes.ts'

const MIB = 1024 * 1024
const PART = 5 * MIB
/** What every store of objects promises. */
export function describeObjectStore(name: string, open: () => Promise<OpenObjectStore>): void {
  describe(name, () => {
    let opened: OpenObjectStore
    before(async () => {
      opened = await open()
    })
    after(() => opened.close())
    describeWhole(() => opened)
    describeBroken(() => opened)
    describeNames(() => opened)
    describeSizes(() => opened)
    describeListing(() => opened)
  })
}

function describeWhole(opened: () => OpenObjectStore): void {
  const sizes = {
    empty: 0,
    'of one byte': 1,
    'of exactly one part': PART,
    'a byte over a part': PART + 1,
    'of 12 MB': 12e6,
  }
  for (const [what, size] of Object.entries(sizes)) {
    test(`an object ${what} comes out as it went in`, async () => {
      const [key, bytes] = [newObjectKey(), randomBytes(size)]
      await opened().store.put(key, chunked(bytes), plainOptions())
      assert.ok(bytes.equals(await buffer(await opened().store.get(key))))
      assert.equal(await opened().typeOf(key), 'audio/wav')
      assert.deepEqual(await opened().openUploads(), [])
    })
  }

  test('chunks larger than a part and chunks of one byte make the same object', async () => {
    const bytes = randomBytes(2 * PART + 77)
    const [large, small] = [newObjectKey(), newObjectKey()]
    await opened().store.put(large, chunked(bytes, bytes.length), plainOptions())
    await opened().store.put(small, chunked(bytes.subarray(0, 3000), 1), plainOptions())
    assert.ok(bytes.equals(await buffer(await opened().store.get(large))))
    assert.ok(bytes.subarray(0, 3000).equals(await buffer(await opened().store.get(small))))
  })

  test('bytes written whole replace what was there', async () => {
    const key = newObjectKey()
    await opened().store.putBytes(key, Buffer.from('first'), 'text/plain')
    await opened().store.putBytes(key, Buffer.from('second'), 'application/json')
    assert.equal((await buffer(await opened().store.get(key))).toString(), 'second')
    assert.equal(await opened().typeOf(key), 'application/json')
  })

  test('a deleted object is gone, and deleting it again succeeds', async () => {
    const key = newObjectKey()
    await opened().store.put(key, chunked(randomBytes(10)), plainOptions())
    await opened().store.delete(key)
    await opened().store.delete(key)
    await assert.rejects(opened().store.get(key), { code: 'object-not-found' })
  })

  test('many objects at once do not mix', async () => {
    const objects = Array.from({ length: 12 }, (_, i) => ({ key: newObjectKey(), bytes: randomBytes(100_000 * i) }))
    await Promise.all(objects.map(({ key, bytes }) => opened().store.put(key, chunked(bytes), plainOptions())))
    for (const { key, bytes } of objects) assert.ok(bytes.equals(await buffer(await opened().store.get(key))))
  })

  test('the store says that it can be reached', () => opened().store.check())
}

function describeBroken(opened: () => OpenObjectStore): void {
  async function assertNothingLeft(key: string): Promise<void> {
    await assert.rejects(opened().store.get(key), { code: 'object-not-found' })
    assert.deepEqual(await opened().openUploads(), [])
  }

  for (const [when, size] of Object.entries({
    'before the first byte': 0,
    'half-way': 70_000,
    'after a part': 2 * PART + 9,
  })) {
    test(`a body that fails ${when} fails the put with its own error and leaves nothing`, async () => {
      const key = newObjectKey()
      const failure = new AppError('upload-too-large', 'Too large')
      const body = Readable.from(failing(randomBytes(size), failure), { objectMode: false })
      await assert.rejects(opened().store.put(key, body, plainOptions()), (error) => error === failure)
      assert.ok(body.destroyed)
      await assertNothingLeft(key)
    })

    test(`an abort ${when} fails the put with its reason, destroys the body and leaves nothing`, async () => {
      const key = newObjectKey()
      const controller = new AbortController()
      const reason = new AppError('upload-aborted', 'Gone')
      const body = new PassThrough({ highWaterMark: 64 * 1024 })
      const put = opened().store.put(key, body, { contentType: 'audio/wav', signal: controller.signal })
      const outcome = assert.rejects(put, (error) => error === reason)
      await writeAll(body, randomBytes(size))
      controller.abort(reason)
      await outcome
      assert.ok(body.destroyed)
      await assertNothingLeft(key)
    })
  }

  test('a body that is no stream is told to return when its put fails', async () => {
    const key = newObjectKey()
    const returned = Promise.withResolvers<void>()
    async function* endless() {
      try {
        for (;;) yield randomBytes(1000)
      } finally {
        returned.resolve()
      }
    }
    const put = opened().store.put(key, endless(), plainOptions({ bytes: 5000, exact: true }))
    await assert.rejects(put, { code: 'upload-malformed' })
    await returned.promise
    await assertNothingLeft(key)
  })

  test('an abort before the start stores nothing', async () => {
    const key = newObjectKey()
    const reason = new Error('already over')
    const body = chunked(randomBytes(100))
    const options = { contentType: 'audio/wav', signal: AbortSignal.abort(reason) }
    await assert.rejects(opened().store.put(key, body, options), (error) => error === reason)
    assert.ok(body.destroyed)
    await assertNothingLeft(key)
  })

  test('a body that hangs and cannot even be destroyed does not hold back an abort', async () => {
    const key = newObjectKey()
    const controller = new AbortController()
    const reached = Promise.withResolvers<void>()
    async function* hang() {
      yield randomBytes(1000)
      reached.resolve()
      await new Promise(() => {})
    }
    const body = Readable.from(hang(), { objectMode: false })
    const put = opened().store.put(key, body, { contentType: 'audio/wav', signal: controller.signal })
    await reached.promise
    controller.abort(new Error('enough'))
    await assert.rejects(put, /enough/)
    await assertNothingLeft(key)
  })

  test('a body cut off without an error is not taken for whole', async () => {
    const key = newObjectKey()
    const body = new PassThrough()
    const put = opened().store.put(key, body, plainOptions())
    const outcome = assert.rejects(put, { code: 'ERR_STREAM_PREMATURE_CLOSE' })
    await writeAll(body, randomBytes(1000))
    body.destroy()
    await outcome
    await assertNothingLeft(key)
  })

  test('a reader that leaves half-way leaves nothing open', async () => {
    const key = newObjectKey()
    await opened().store.put(key, chunked(randomBytes(3 * MIB)), plainOptions())
    const controller = new AbortController()
    const body = await opened().store.get(key, controller.signal)
    body.read(0)
    const reason = new Error('enough')
    controller.abort(reason)
    await assert.rejects(buffer(body), (error) => error === reason)
    const other = await opened().store.get(key)
    const closed = new Promise((resolve) => other.once('close', resolve))
    for await (const _chunk of other) break
    await closed
    await opened().store.check()
  })
}

function describeNames(opened: () => OpenObjectStore): void {
  test('a key has a URL, and the URL has the key', () => {
    const { store } = opened()
    const key = newObjectKey()
    assert.match(store.urlOf(key), /^s3:\/\/[^/]+\/audio\/a%40b/)
    assert.equal(store.keyOf(store.urlOf(key)), key)
  })

  test('a URL of elsewhere, or one that climbs, has no key', () => {
    const { store } = opened()
    const root = store.urlOf('')
    const bucket = root.slice('s3://'.length, -1)
    const urls = [
      `s3://other-${bucket}/a`,
      `s3://${bucket}x/a`,
      `s3://${bucket}`,
      `https://${bucket}/a`,
      ...['', '/a', 'a/../b', '../a', 'a/..', 'a/./b', 'a//b', 'a/', 'a/%2e%2E/b', 'a%2f..%2Fb', 'a\\..\\b'].map(
        (key) => root + key,
      ),
    ]
    for (const url of urls) assert.equal(store.keyOf(url), undefined, url)
  })
}

async function* failing(bytes: Buffer, failure: Error): AsyncGenerator<Buffer> {
  for await (const chunk of chunked(bytes)) yield chunk
  throw failure
}
