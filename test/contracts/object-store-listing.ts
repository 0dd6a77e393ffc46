/** What is promised of keys, lists and links. */
import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { chunked, newObjectKey, type OpenObjectStore, plainOptions } from './object-store-bodies.ts'

const ODD = [...` !"#$%&'()*+,-.:;<=>?@[\\]^_\`{|}~`, 'é', '語', '🎵', '%2F', '%25', '+ +', 'a//b', '..a']

export function describeListing(opened: () => OpenObjectStore): void {
  test('every odd character of a key is kept as it is, by a stream, by bytes and by parts', async () => {
    const { store } = opened()
    const root = `odd/${randomUUID()}`
    for (const [index, odd] of ODD.entries()) {
      const key = `${root}/x${odd}y.wav`
      const bytes = Buffer.from(`${index} ${odd}`)
      await store.put(key, chunked(bytes), plainOptions({ bytes: bytes.length, exact: true }))
      assert.ok(bytes.equals(await buffer(await store.get(key))), key)
    }
    const listed = await store.list(root, { limit: 100 })
    assert.deepEqual(listed.map(({ key }) => key).sort(), ODD.map((odd) => `${root}/x${odd}y.wav`).sort())
    const large = `${root}/${ODD.join('')}`
    await store.put(large, chunked(randomBytes(9e6)), plainOptions())
    assert.deepEqual(await store.head(large), { sizeBytes: 9e6 })
  })

  test('a list goes on after a key, keeps to its limit and knows sizes and times', async () => {
    const { store } = opened()
    const root = `list/${randomUUID()}/`
    const keys = Array.from({ length: 7 }, (_, index) => `${root}${index}`)
    for (const [index, key] of keys.entries()) await store.putBytes(key, Buffer.alloc(index), 'text/plain')
    const first = await store.list(root, { limit: 3 })
    assert.deepEqual(
      first.map(({ key, sizeBytes }) => [key, sizeBytes]),
      keys.slice(0, 3).map((key, i) => [key, i]),
    )
    assert.ok(Math.abs((first[0]?.modifiedAt.getTime() ?? 0) - Date.now()) < 60_000)
    const rest = await store.list(root, { after: first.at(-1)!.key, limit: 100 })
    assert.deepEqual(
      rest.map(({ key }) => key),
      keys.slice(3),
    )
    assert.deepEqual(await store.list(root, { after: keys.at(-1)!, limit: 5 }), [])
    assert.deepEqual(await store.list(root, { limit: 0 }), [])
  })

  test('an object that is not there has no head', async () => {
    assert.equal(await opened().store.head(newObjectKey()), undefined)
  })

  test('a link names key, time and a safe file name', async () => {
    const download = { expiresInS: 60, filename: 'a"\r\nb/é;x.wav', contentType: 'audio/wav' }
    const url = new URL(await opened().store.presignGet('audio/é &?.wav', download))
    assert.match(url.pathname, /audio\/%C3%A9%20%26%3F\.wav$/)
    assert.equal(url.searchParams.get('X-Amz-Expires'), '60')
    assert.equal(url.searchParams.get('response-content-type'), 'audio/wav')
    const disposition = url.searchParams.get('response-content-disposition')
    assert.equal(disposition, `attachment; filename="_;x.wav"; filename*=UTF-8''%C3%A9%3Bx.wav`)
  })

  test('dropping what was left long ago harms nothing that is stored', async () => {
    const key = newObjectKey()
    await opened().store.putBytes(key, Buffer.from('kept'), 'text/plain')
    assert.equal(await opened().store.abortStaleUploads(new Date(0)), 0)
    assert.deepEqual(await opened().store.head(key), { sizeBytes: 4 })
  })
}
