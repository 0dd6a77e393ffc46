import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { createSizeTap } from '../../../src/http/multipart-size.ts'

const KIB = 1024
const HEAD = '--xyz\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
const TAIL = '\r\n--xyz--\r\n'

function sizeAfter(chunks: readonly Buffer[], length: number) {
  const headers = { 'content-type': 'multipart/form-data; boundary=xyz', 'content-length': String(length) }
  const raw = Object.assign(new PassThrough(), { headers }) as unknown as IncomingMessage
  const tap = createSizeTap(raw)
  for (const chunk of chunks) raw.emit('data', chunk)
  return tap.fileSize()
}

function formOf(bytes: number): Buffer {
  return Buffer.concat([Buffer.from(HEAD), Buffer.alloc(bytes, 7), Buffer.from(TAIL)])
}

test('the size is at most what is left of the request, the last CR LF apart', () => {
  const form = formOf(100)
  assert.deepEqual(sizeAfter([form], form.length), { bytes: 102, exact: false })
})

test('the size is known also when much has come before it is asked for', () => {
  const form = formOf(400 * KIB)
  const chunks = [form.subarray(0, 64 * KIB), form.subarray(64 * KIB, 128 * KIB), form.subarray(128 * KIB)]
  assert.equal(sizeAfter(chunks, form.length)?.bytes, 400 * KIB + 2)
})

test('a head in small pieces is put together, and one that does not come in time is not waited for', () => {
  const form = formOf(10)
  const bytes = Array.from(form, (byte) => Buffer.from([byte]))
  assert.equal(sizeAfter(bytes, form.length)?.bytes, 12)
  const field = `--xyz\r\ncontent-disposition: form-data; name="metadata"\r\n\r\n${'x'.repeat(40 * KIB)}\r\n`
  const late = Buffer.concat([Buffer.from(field), form])
  const pieces = Array.from({ length: 41 }, (_, i) => late.subarray(i * KIB, (i + 1) * KIB))
  assert.equal(sizeAfter(pieces, late.length), undefined)
})

test('without a length, or a boundary, nothing is known', () => {
  assert.equal(sizeAfter([formOf(10)], Number.NaN), undefined)
})
