import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { toneWav } from '../support/recordings.ts'
import { getJson, openTestPlaces, startTestSystem, TEST_KEY, uploadRaw } from '../support/system.ts'
import { multipart, sendHalf, sendLarge } from '../support/uploads.ts'

const LIMIT = 100_000
const WAV = toneWav()
const { places, env, aws } = await openTestPlaces()
const system = await startTestSystem(['api'], places, { ...env, MAX_UPLOAD_BYTES: String(LIMIT) })
const s3 = new S3Client(aws.client)

async function listObjects(): Promise<string[]> {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: aws.bucket }))
  return Contents.map(({ Key = '' }) => Key)
}

async function refused(response: Response, status: number, code: string): Promise<string> {
  const problem = (await response.json()) as Record<string, string>
  assert.deepEqual([response.status, problem.code], [status, code], problem.detail)
  assert.match(response.headers.get('content-type') ?? '', /^application\/problem\+json/)
  assert.equal(problem.request_id, response.headers.get('x-request-id'))
  assert.ok((problem.detail ?? '').length > 10)
  return problem.detail ?? ''
}

const sendMultipart = (body: Uint8Array, boundary = 'XBOUNDARYX') =>
  uploadRaw(system.url, body, { contentType: `multipart/form-data; boundary=${boundary}` })

async function nothingLeftOf(action: () => Promise<void>): Promise<void> {
  const before = (await listObjects()).length
  await action()
  assert.equal((await listObjects()).length, before)
  const unfinished = await system.ports.jobs.countByStatus()
  assert.equal(unfinished.find(({ status }) => status === 'uploading')?.count, 0)
}

test('an empty body, an empty file and no file are told apart', async () => {
  await nothingLeftOf(async () => {
    await refused(await uploadRaw(system.url, new Uint8Array(0)), 400, 'upload-empty')
    await refused(await sendMultipart(multipart([['file', '', 'a.wav']])), 400, 'upload-empty')
    await refused(await sendMultipart(multipart([['token_id', 'a']])), 400, 'upload-no-file')
    await refused(await sendMultipart(multipart([['audio', WAV, 'a.wav']])), 400, 'upload-no-file')
  })
})

test('another content type is refused, whatever the body', async () => {
  for (const contentType of ['application/json', 'text/plain', 'application/x-www-form-urlencoded', 'image/png']) {
    await refused(await uploadRaw(system.url, WAV, { contentType }), 415, 'upload-type-unsupported')
  }
})

test('what is not audio by its first bytes is refused, whatever it is called', async () => {
  await nothingLeftOf(async () => {
    for (const bytes of [
      Buffer.from('hello, this is text'),
      Buffer.alloc(2000),
      Buffer.from('%PDF-1.7 …'),
      Buffer.from('R'),
    ]) {
      await refused(await uploadRaw(system.url, bytes), 415, 'upload-not-audio')
      await refused(await sendMultipart(multipart([['file', bytes, 'take.wav']])), 415, 'upload-not-audio')
    }
  })
})

test('the size limit holds to the byte, raw and multipart, in large and small chunks', async () => {
  const base = Buffer.concat([WAV, Buffer.alloc(LIMIT)])
  const chunked = (bytes: Buffer, size: number): ReadableStream => {
    let at = 0
    return new ReadableStream({
      pull(controller) {
        if (at >= bytes.length) return controller.close()
        controller.enqueue(new Uint8Array(bytes.subarray(at, at + size)))
        at += size
      },
    })
  }
  for (const [size, fits] of [
    [LIMIT - 1, true],
    [LIMIT, true],
    [LIMIT + 1, false],
  ] as const) {
    const bytes = base.subarray(0, size)
    const form = multipart([['file', bytes, 'a.wav']])
    const type = { contentType: 'multipart/form-data; boundary=XBOUNDARYX' }
    const answers = [
      () => uploadRaw(system.url, bytes),
      () => uploadRaw(system.url, chunked(bytes, 1000)),
      () => sendMultipart(form),
      () => uploadRaw(system.url, chunked(form, 777), type),
    ]
    for (const answer of answers) {
      if (fits) assert.equal((await answer()).status, 202)
      else await nothingLeftOf(async () => void (await refused(await answer(), 413, 'upload-too-large')))
    }
  }
})

test('a field after the file is refused by name, and nothing is stored', async () => {
  await nothingLeftOf(async () => {
    const detail = await refused(
      await sendMultipart(
        multipart([
          ['file', WAV, 'a.wav'],
          ['token_id', 'late'],
        ]),
      ),
      400,
      'upload-field-late',
    )
    assert.match(detail, /token_id/)
  })
})

test('two files in one request are refused, and nothing is stored', async () => {
  await nothingLeftOf(async () => {
    const body = multipart([
      ['file', WAV, 'a.wav'],
      ['file', WAV, 'b.wav'],
    ])
    await refused(await sendMultipart(body), 400, 'upload-malformed')
  })
})

test('a malformed multipart body is refused, and nothing is stored', async () => {
  await nothingLeftOf(async () => {
    const good = multipart([['file', WAV, 'a.wav']])
    await refused(await sendMultipart(good.subarray(0, good.length - 20)), 400, 'upload-malformed')
    await refused(await sendMultipart(good, 'OTHER'), 400, 'upload-malformed')
    await refused(await sendMultipart(Buffer.from('junk')), 400, 'upload-malformed')
    const response = await uploadRaw(system.url, good, { contentType: 'multipart/form-data' })
    await refused(response, 400, 'upload-malformed')
  })
})

test('a wrong field is refused before anything is stored', async () => {
  await nothingLeftOf(async () => {
    await refused(await uploadRaw(system.url, WAV, { query: '?token_id=a%20b' }), 400, 'request-invalid')
    await refused(await uploadRaw(system.url, WAV, { query: '?priority=a&priority=b' }), 400, 'request-invalid')
    const form = multipart([
      ['metadata', '[1]'],
      ['file', WAV, 'a.wav'],
    ])
    await refused(await sendMultipart(form), 400, 'request-invalid')
  })
})

test('a client that goes half-way leaves a failed row and no object', async () => {
  for (const [type, head] of [
    ['audio/wav', WAV.subarray(0, 8000)],
    ['multipart/form-data; boundary=XBOUNDARYX', multipart([['file', WAV, 'a.wav']]).subarray(0, 8000)],
  ] as const) {
    await nothingLeftOf(async () => {
      const seen = await countAborted()
      await sendHalf(system.url, type, head, untilUploading)
      while ((await countAborted()) === seen) await nextTurn()
    })
  }
})

test('every answer to a refused large upload is readable, and the connection is not left hanging', async () => {
  const { status, body } = await sendLarge(system.url, WAV, 12_000_000)
  assert.equal(status, 413)
  assert.match(body, /upload-too-large/)
})

test('no key, a wrong key and a malformed header are refused', async () => {
  for (const headers of [
    {},
    { authorization: 'Bearer wrong' },
    { authorization: TEST_KEY },
    { authorization: 'Basic x' },
  ]) {
    const response = await fetch(`${system.url}/v1/jobs`, {
      method: 'POST',
      headers: { ...(headers as Record<string, string>), 'content-type': 'audio/wav' },
      body: new Uint8Array(WAV),
    })
    await refused(response, 401, 'unauthorized')
    assert.equal(response.headers.get('www-authenticate'), 'Bearer')
  }
})

test('an unknown route and an impossible id are problems too', async () => {
  const nowhere = await getJson(`${system.url}/v1/nowhere`)
  assert.deepEqual([nowhere.status, nowhere.body.code], [404, 'route-not-found'])
  const impossible = await getJson(`${system.url}/v1/jobs/not-a-uuid`)
  assert.deepEqual([impossible.status, impossible.body.code], [400, 'request-invalid'])
  const unknown = await getJson(`${system.url}/v1/jobs/019aa7de-6f2b-7c3e-9a55-0c2f6a1b2c3d`)
  assert.deepEqual([unknown.status, unknown.body.code], [404, 'job-not-found'])
})

async function countAborted(): Promise<number> {
  const text = await (await fetch(`${system.url}/metrics`)).text()
  return Number(/tonewire_uploads_total\{outcome="upload-aborted"\} (\d+)/.exec(text)?.[1] ?? 0)
}

async function untilUploading(): Promise<void> {
  for (;;) {
    const counts = await system.ports.jobs.countByStatus()
    if (counts.some(({ status, count }) => status === 'uploading' && count > 0)) return
    await nextTurn()
  }
}
