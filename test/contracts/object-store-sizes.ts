/** What is promised of bodies whose length is known, bounded or unknown, at the edges of every size class. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import type { ObjectSize } from '../../src/ports/object-store.ts'
import { chunked, newObjectKey, type OpenObjectStore, plainOptions, writeAll } from './object-store-bodies.ts'

const MIB = 1024 * 1024
const SIZES = [0, 1, 65_536, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 16 * MIB, 16 * MIB + 1]
/** What a caller may know of so many bytes. The end of a form is a few dozen bytes. */
const KNOWN: Readonly<Record<string, (bytes: number) => ObjectSize | undefined>> = {
  'an exact size': (bytes) => ({ bytes, exact: true }),
  'a bound': (bytes) => ({ bytes: bytes + 44, exact: false }),
  'a bound that is the size': (bytes) => ({ bytes, exact: false }),
  'an unknown size': () => undefined,
}
const MALFORMED = { name: 'AppError', code: 'upload-malformed' }

export function describeSizes(opened: () => OpenObjectStore): void {
  const content = randomBytes(16 * MIB + 1)
  for (const [what, known] of Object.entries(KNOWN)) {
    describe(`with ${what}`, () => {
      for (const size of SIZES) {
        test(`${size} bytes come out as they went in, from small and large chunks`, async () => {
          const bytes = content.subarray(0, size)
          for (const chunkSize of size > MIB ? [4093, 3 * MIB] : [997, 65_536]) {
            const key = newObjectKey()
            await opened().store.put(key, chunked(bytes, chunkSize), plainOptions(known(size)))
            assert.ok(bytes.equals(await buffer(await opened().store.get(key))))
            assert.equal(await opened().typeOf(key), 'audio/wav')
            assert.deepEqual(await opened().store.head(key), { sizeBytes: size })
          }
          assert.deepEqual(await opened().openUploads(), [])
        })
      }
      for (const at of [0, 1, 65_536, 5 * MIB, 8 * MIB, 9 * MIB]) {
        test(`an abort after ${at} of 17 MiB leaves nothing`, () => abortAt(opened(), at, known(17 * MIB)))
        test(`an abort after ${at} of ${at + 1} bytes leaves nothing`, () => abortAt(opened(), at, known(at + 1)))
      }
    })
  }

  for (const [title, size, known] of [...wrongExact(), ...wrongBound()]) {
    test(`${title} is refused and leaves nothing`, async () => {
      const key = newObjectKey()
      const body = chunked(content.subarray(0, size), 65_536)
      await assert.rejects(opened().store.put(key, body, plainOptions(known)), MALFORMED)
      assert.ok(body.destroyed)
      await assertNothingLeft(opened(), key)
    })
  }
}

function wrongExact(): [string, number, ObjectSize][] {
  return [1, 100_000, 8 * MIB, 9 * MIB, 16 * MIB].flatMap((bytes): [string, number, ObjectSize][] => [
    [`a body one byte shorter than its exact ${bytes}`, bytes - 1, { bytes, exact: true }],
    [`a body one byte longer than its exact ${bytes}`, bytes + 1, { bytes, exact: true }],
    [`a body of nothing instead of its exact ${bytes}`, 0, { bytes, exact: true }],
  ])
}

function wrongBound(): [string, number, ObjectSize][] {
  const longer = [0, 1, 100_000, 8 * MIB, 9 * MIB].map((bytes): [string, number, ObjectSize] => {
    return [`a body one byte longer than its bound ${bytes}`, bytes + 1, { bytes, exact: false }]
  })
  return [...longer, ['a body that is half of its bound of 16 MiB', 8 * MIB - 1, { bytes: 16.5 * MIB, exact: false }]]
}

async function abortAt({ store, openUploads }: OpenObjectStore, at: number, size: ObjectSize | undefined) {
  const key = newObjectKey()
  const controller = new AbortController()
  const reason = new Error('gone')
  const body = new PassThrough({ highWaterMark: 64 * 1024 })
  const put = store.put(key, body, { contentType: 'audio/wav', signal: controller.signal, size })
  const outcome = assert.rejects(put, (error) => error === reason)
  await writeAll(body, Buffer.alloc(at))
  controller.abort(reason)
  await outcome
  assert.ok(body.destroyed)
  await assert.rejects(store.get(key), { code: 'object-not-found' })
  assert.deepEqual(await openUploads(), [])
}

async function assertNothingLeft({ store, openUploads }: OpenObjectStore, key: string): Promise<void> {
  assert.equal(await store.head(key), undefined)
  assert.deepEqual(await openUploads(), [])
}
