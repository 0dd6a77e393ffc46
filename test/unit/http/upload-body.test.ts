import assert from 'node:assert/strict'
import { once } from 'node:events'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { test } from 'node:test'
import type { FastifyRequest } from 'fastify'
import { waitForUpload } from '../../../src/http/upload-body.ts'

const PATIENCE = { uploadTimeoutS: 60, uploadStallS: 60, uploadMinBytesPerS: 1 }

test('a client that was gone before its upload began is not waited for', async () => {
  const raw = new IncomingMessage(new Socket())
  raw.destroy()
  await once(raw, 'close')
  const { signal } = waitForUpload({ raw } as FastifyRequest, PATIENCE)
  assert.equal(signal.reason?.code, 'upload-aborted')
})
