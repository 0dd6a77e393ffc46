import assert from 'node:assert/strict'
import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import { AppError } from '../../../src/domain/errors.ts'
import type { Job } from '../../../src/domain/job.ts'
import type { StatusChange } from '../../../src/ports.ts'
import { acceptUpload, type Upload } from '../../../src/services/accept-upload.ts'
import { changeTo } from '../../contracts/job-store-suite.ts'
import { createFakePorts, type FakePorts, publishedSteps } from '../../support/fake-ports.ts'
import { toneWav } from '../../support/recordings.ts'

const LIMITS = { maxUploadBytes: 100_000, maxDurationS: 3600, uploadTimeoutS: 900 }
const WAV = toneWav({ seconds: 0.1 })
const NEVER = new AbortController().signal

/** Ports that remember which rows were made, for a caller that gets an error and no row. */
function createUploadPorts() {
  const ports = createFakePorts()
  const made: string[] = []
  const create: typeof ports.jobs.create = async (job) => {
    made.push(job.jobId)
    return ports.jobs.create(job)
  }
  const theRow = async (): Promise<Job | undefined> => (await ports.jobs.findMany(made))[0]
  return { ports: { ...ports, jobs: { ...ports.jobs, create } }, made, theRow }
}

function uploadOf(body: Readable, fields: Partial<Upload> = {}): Upload {
  return {
    owner: 'acme',
    tokenId: null,
    filename: 'take.wav',
    priority: 'normal',
    metadata: {},
    callbackUrl: null,
    notBefore: null,
    traceparent: null,
    body,
    idempotencyKey: null,
    size: undefined,
    ...fields,
  }
}

const bodyOf = (...chunks: Buffer[]): Readable => Readable.from(chunks, { objectMode: false })

/** Does something when the first chunk has passed. */
async function* afterFirst(source: AsyncIterable<Buffer>, act: () => unknown): AsyncGenerator<Buffer> {
  let passed = false
  for await (const chunk of source) {
    yield chunk
    if (!passed) act()
    passed = true
  }
}

/** Does something to the row in the moment before it becomes `stored`. */
function beforeStored(ports: FakePorts, intervene: (change: StatusChange) => Promise<unknown>): FakePorts {
  const advance: typeof ports.jobs.advance = async (changes) => {
    for (const change of changes) if (change.to === 'stored') await intervene(change)
    return ports.jobs.advance(changes)
  }
  return { ...ports, jobs: { ...ports.jobs, advance } }
}

test('a recording is stored whole, with its size and hash in the row', async () => {
  const { ports, theRow } = createUploadPorts()
  const body = bodyOf(WAV.subarray(0, 700), WAV.subarray(700))
  const { job } = await acceptUpload(ports, LIMITS, uploadOf(body), NEVER)
  assert.deepEqual([job.status, job.sizeBytes, job.contentType], ['stored', WAV.length, 'audio/wav'])
  assert.match(job.sha256 ?? '', /^[0-9a-f]{64}$/)
  assert.deepEqual(ports.objects.objects.get(job.objectKey)?.bytes, WAV)
  assert.deepEqual(await theRow(), job)
  assert.deepEqual(publishedSteps(ports, job), ['uploading 0', 'stored 25'])
})

for (const [what, bytes, code] of [
  ['nothing', Buffer.alloc(0), 'upload-empty'],
  ['what is not audio', Buffer.from('%PDF-1.7 '.repeat(100)), 'upload-not-audio'],
] as const) {
  test(`${what} is refused as ${code} before there is a row`, async () => {
    const { ports, made } = createUploadPorts()
    const body = bodyOf(bytes)
    await assert.rejects(acceptUpload(ports, LIMITS, uploadOf(body), NEVER), { code })
    assert.deepEqual([made, ports.objects.objects.size, body.destroyed], [[], 0, true])
    assert.equal(ports.metrics.counted('uploads', { outcome: code }), 1)
  })
}

test('what announces more than the limit is refused before there is a row', async () => {
  const { ports, made } = createUploadPorts()
  const body = bodyOf(WAV)
  const upload = uploadOf(body, { size: { bytes: LIMITS.maxUploadBytes + 1, exact: true } })
  await assert.rejects(acceptUpload(ports, LIMITS, upload, NEVER), { code: 'upload-too-large' })
  assert.deepEqual([made, body.destroyed], [[], true])
})

test('with the database away before the row nothing is stored', async () => {
  const { ports } = createUploadPorts()
  const body = bodyOf(WAV)
  ports.jobs.setDown(true)
  await assert.rejects(acceptUpload(ports, LIMITS, uploadOf(body), NEVER), { code: 'database-unavailable' })
  assert.deepEqual([ports.objects.objects.size, body.destroyed], [0, true])
})

async function assertBroken(
  { ports, theRow }: ReturnType<typeof createUploadPorts>,
  body: Readable,
  code: string,
): Promise<void> {
  const row = await theRow()
  assert.deepEqual([row?.status, row?.error?.code, row?.error?.stage], ['failed', code, 'uploading'])
  assert.equal(ports.objects.objects.size, 0)
  assert.equal(body.destroyed, true)
  assert.deepEqual(row && publishedSteps(ports, row), ['uploading 0', 'failed 0'])
  assert.equal(ports.metrics.counted('uploads', { outcome: code }), 1)
}

test('an upload of exactly the limit is stored', async () => {
  const { ports } = createUploadPorts()
  const { job } = await acceptUpload(ports, { ...LIMITS, maxUploadBytes: WAV.length }, uploadOf(bodyOf(WAV)), NEVER)
  assert.equal(job.status, 'stored')
})

test('an upload of one byte over the limit leaves no object and a failed row', async () => {
  const upload = createUploadPorts()
  const body = bodyOf(WAV)
  const limits = { ...LIMITS, maxUploadBytes: WAV.length - 1 }
  await assert.rejects(acceptUpload(upload.ports, limits, uploadOf(body), NEVER), { code: 'upload-too-large' })
  await assertBroken(upload, body, 'upload-too-large')
})

test('an upload whose signal aborts half-way leaves no object and a row failed with the reason', async () => {
  const upload = createUploadPorts()
  const { ports } = upload
  const leaving = new AbortController()
  const body = new PassThrough()
  body.write(WAV.subarray(0, 1000))
  const put: typeof ports.objects.put = (key, source, options) => {
    const leave = () => leaving.abort(new AppError('upload-aborted', 'The client went'))
    return ports.objects.put(key, afterFirst(source, leave), options)
  }
  const accepting = acceptUpload(
    { ...ports, objects: { ...ports.objects, put } },
    LIMITS,
    uploadOf(body),
    leaving.signal,
  )
  await assert.rejects(accepting, { code: 'upload-aborted' })
  await assertBroken(upload, body, 'upload-aborted')
})

test('an upload whose signal aborts before its first bytes makes no row', async () => {
  const { ports, made } = createUploadPorts()
  const leaving = new AbortController()
  const body = new PassThrough()
  const accepting = acceptUpload(ports, LIMITS, uploadOf(body), leaving.signal)
  leaving.abort(new AppError('upload-expired', 'Too slow'))
  await assert.rejects(accepting, { code: 'upload-expired' })
  assert.deepEqual([made, body.destroyed], [[], true])
})

test('with the store away the row is failed as storage-unavailable and the body let go', async () => {
  const upload = createUploadPorts()
  const body = bodyOf(WAV)
  upload.ports.objects.setDown(true)
  await assert.rejects(acceptUpload(upload.ports, LIMITS, uploadOf(body), NEVER), { code: 'storage-unavailable' })
  await assertBroken(upload, body, 'storage-unavailable')
})

test('an error that nobody foresaw is internal, not a broken upload of the client’s', async () => {
  const upload = createUploadPorts()
  const body = new PassThrough()
  body.write(WAV.subarray(0, 1000))
  const { ports } = upload
  const put: typeof ports.objects.put = (key, source, options) => {
    const fail = () => body.destroy(new TypeError('a mistake of ours'))
    return ports.objects.put(key, afterFirst(source, fail), options)
  }
  const accepting = acceptUpload({ ...ports, objects: { ...ports.objects, put } }, LIMITS, uploadOf(body), NEVER)
  await assert.rejects(accepting, { code: 'internal' })
  await assertBroken(upload, body, 'internal')
})

test('with the database away at the end of a broken upload its own error is thrown, the row left to its deadline', async () => {
  const { ports, theRow } = createUploadPorts()
  const put: typeof ports.objects.put = async () => {
    ports.jobs.setDown(true)
    throw new AppError('storage-unavailable', 'The object store cannot be reached')
  }
  const without = { ...ports, objects: { ...ports.objects, put } }
  await assert.rejects(acceptUpload(without, LIMITS, uploadOf(bodyOf(WAV)), NEVER), { code: 'storage-unavailable' })
  ports.jobs.setDown(false)
  assert.equal((await theRow())?.status, 'uploading')
})

test('with the progress log away an upload is stored all the same', async () => {
  const { ports } = createUploadPorts()
  ports.progress.setDown(true)
  assert.equal((await acceptUpload(ports, LIMITS, uploadOf(bodyOf(WAV)), NEVER)).job.status, 'stored')
})

test('a signal that aborts after the last byte does not undo the upload', async () => {
  const { ports } = createUploadPorts()
  const leaving = new AbortController()
  const late = beforeStored(ports, async () => leaving.abort(new AppError('upload-aborted', 'The client went')))
  const body = bodyOf(WAV)
  const { job } = await acceptUpload(late, LIMITS, uploadOf(body), leaving.signal)
  if (!body.closed) await once(body, 'close')
  assert.equal(job.status, 'stored')
  assert.equal(ports.objects.objects.size, 1)
})

for (const [to, code] of [
  ['cancelled', 'job-cancelled'],
  ['failed', 'upload-expired'],
] as const) {
  test(`a row ${to} before its upload ended keeps no object, and the client is told ${code}`, async () => {
    const { ports, theRow } = createUploadPorts()
    const ended = beforeStored(ports, ({ jobId }) => ports.jobs.advance([changeTo(jobId, to)]))
    await assert.rejects(acceptUpload(ended, LIMITS, uploadOf(bodyOf(WAV)), NEVER), { code })
    assert.equal(ports.objects.objects.size, 0)
    assert.equal((await theRow())?.status, to)
  })
}

test('a row that somebody has moved on already is returned and its object kept', async () => {
  const { ports } = createUploadPorts()
  const moved = beforeStored(ports, ({ jobId }) => ports.jobs.advance([changeTo(jobId, 'queued')]))
  const { job } = await acceptUpload(moved, LIMITS, uploadOf(bodyOf(WAV)), NEVER)
  assert.equal(job.status, 'queued')
  assert.deepEqual(ports.objects.objects.get(job.objectKey)?.bytes, WAV)
})

test('a repeat is answered with the job as it is at its cursor, also when it ended while the body came', async () => {
  const { ports } = createUploadPorts()
  const repeated = { idempotencyKey: 'key-1' }
  await acceptUpload(ports, LIMITS, uploadOf(bodyOf(WAV), repeated), NEVER)
  const create: typeof ports.jobs.create = async (job) => {
    const row = await ports.jobs.create(job)
    await ports.jobs.advance([changeTo(row.jobId, 'completed')])
    return row
  }
  const ending = { ...ports, jobs: { ...ports.jobs, create } }
  const { job, replayed } = await acceptUpload(ending, LIMITS, uploadOf(bodyOf(WAV), repeated), NEVER)
  assert.deepEqual([replayed, job.status], [true, 'completed'])
})
