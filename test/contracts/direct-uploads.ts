import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import type { DirectUploads } from '../../src/ports/direct-uploads.ts'
import type { ObjectStore } from '../../src/ports/object-store.ts'

const MIB = 1024 * 1024

export interface OpenDirectUploads {
  readonly uploads: DirectUploads
  /** The same bucket. */
  readonly objects: Pick<ObjectStore, 'get' | 'head'>
  /** Sends bytes to a URL as a client does. */
  send(
    url: string,
    bytes: Uint8Array,
    headers?: Readonly<Record<string, string>>,
  ): Promise<{ readonly status: number; readonly etag: string }>
  close(): Promise<void>
}

/** What every store promises that clients send to by themselves. */
export function describeDirectUploads(name: string, open: () => Promise<OpenDirectUploads>): void {
  describe(name, () => {
    let opened: OpenDirectUploads
    before(async () => {
      opened = await open()
    })
    after(() => opened.close())
    describeWhole(() => opened)
    describeParts(() => opened)
  })
}

function describeWhole(opened: () => OpenDirectUploads): void {
  test('a URL takes the bytes it was made for, and no others', async () => {
    const { uploads, objects, send } = opened()
    const [key, bytes] = [newKey(), randomBytes(1000)]
    const url = await uploads.presignPut(key, { contentType: 'audio/wav', sizeBytes: 1000, expiresInS: 60 })
    const type = { 'content-type': 'audio/wav' }
    assert.equal((await send(url, randomBytes(1001), type)).status, 403, 'longer')
    assert.equal((await send(url, bytes, { 'content-type': 'text/html' })).status, 403, 'another type')
    assert.equal(await objects.head(key), undefined)
    assert.equal((await send(url, bytes, type)).status, 200)
    assert.ok(bytes.equals(await buffer(await objects.get(key))))
  })
}

function describeParts(opened: () => OpenDirectUploads): void {
  const begin = async () => {
    const key = newKey()
    return { key, uploadId: await opened().uploads.begin(key, 'audio/wav') }
  }
  const sendPart = async (upload: { key: string; uploadId: string }, partNumber: number, bytes: Buffer) => {
    const part = { uploadId: upload.uploadId, partNumber, sizeBytes: bytes.length, expiresInS: 60 }
    return opened().send(await opened().uploads.presignPart(upload.key, part), bytes)
  }

  test('parts sent in any order, one of them twice, are joined in theirs', async () => {
    const { uploads, objects } = opened()
    const upload = await begin()
    const bytes = [randomBytes(5 * MIB), randomBytes(1000)] as const
    const second = await sendPart(upload, 2, bytes[1])
    await sendPart(upload, 1, randomBytes(5 * MIB))
    const first = await sendPart(upload, 1, bytes[0])
    assert.equal(await objects.head(upload.key), undefined)
    const listed = await uploads.listParts(upload.key, upload.uploadId)
    assert.ok(listed === undefined || listed.map(({ etag }) => etag).join() === [first.etag, second.etag].join())
    await uploads.join(upload.key, upload.uploadId, [
      { partNumber: 1, etag: first.etag },
      { partNumber: 2, etag: second.etag },
    ])
    assert.ok(Buffer.concat(bytes).equals(await buffer(await objects.get(upload.key))))
  })

  test('a part that has not come as it is named stops the joining, which can be tried again', async () => {
    const { uploads } = opened()
    const upload = await begin()
    const { etag } = await sendPart(upload, 1, randomBytes(10))
    const wrong = [{ partNumber: 1, etag: '"00000000000000000000000000000000"' }]
    await assert.rejects(uploads.join(upload.key, upload.uploadId, wrong), { code: 'upload-incomplete' })
    const missing = [{ partNumber: 2, etag }]
    await assert.rejects(uploads.join(upload.key, upload.uploadId, missing), { code: 'upload-incomplete' })
    await uploads.join(upload.key, upload.uploadId, [{ partNumber: 1, etag }])
  })

  test('an upload that was joined or aborted takes no parts, and is gone', async () => {
    const { uploads, objects } = opened()
    const [joined, aborted] = [await begin(), await begin()]
    const { etag } = await sendPart(joined, 1, Buffer.from('good'))
    const parts = [{ partNumber: 1, etag }]
    await uploads.join(joined.key, joined.uploadId, parts)
    await uploads.abort(aborted.key, aborted.uploadId)
    for (const upload of [joined, aborted]) {
      assert.equal((await sendPart(upload, 1, Buffer.from('evil'))).status, 404)
      await assert.rejects(uploads.join(upload.key, upload.uploadId, parts), { code: 'object-not-found' })
      await uploads.abort(upload.key, upload.uploadId)
    }
    assert.equal((await buffer(await objects.get(joined.key))).toString(), 'good')
  })
}

function newKey(): string {
  return `uploads/o%20wner/${randomUUID()}`
}
