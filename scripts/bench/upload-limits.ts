/**
 * Uploads at the limit, to the byte, and uploads whose socket is killed: each gets the right answer, or none, and
 * nothing is left of those that were not accepted. The API has a limit above what is one PUT, so parts are tried too.
 */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Figures } from './figures.ts'
import type { BenchProcess } from './upload-process.ts'
import { type Form, KIB, MIB, type UploadRequest, uploadOf } from './upload-recording.ts'
import type { SinkState } from './upload-sink.ts'
import { benchKey, type UploadStack } from './upload-stack.ts'
import { openWire } from './upload-wire.ts'

const LIMIT_BYTES = 9 * MIB
const CHUNKS_BYTES = [1000, 256 * KIB]
const FORMS: readonly Form[] = ['multipart', 'raw']
const KILLED_BYTES = 2 * MIB
const KILL_STEP_BYTES = 64 * KIB
const SETTLE_MS = 10_000
const LOOK_MS = 20

export async function reportLimits(stack: UploadStack, figures: Figures): Promise<void> {
  const api = await stack.startApi(stack.sink, { MAX_UPLOAD_BYTES: String(LIMIT_BYTES) })
  const database = new pg.Client(stack.databaseUrl)
  await database.connect()
  try {
    const world = { api, sink: stack.sink, database }
    await reportExactLimits(world, figures)
    await reportKilled(world, figures)
  } finally {
    await database.end()
    await api.stop()
  }
}

interface World {
  readonly api: BenchProcess
  readonly sink: BenchProcess
  readonly database: pg.Client
}

async function reportExactLimits(world: World, figures: Figures): Promise<void> {
  const uploads = limitCases()
  let right = 0
  let left = 0
  for (const upload of uploads) {
    const before = await stateOf(world.sink)
    const wire = openWire(world.api.url)
    const answer = await wire.send(uploadOf({ ...upload, key: benchKey(1) }))
    wire.close()
    const fits = upload.bytes <= LIMIT_BYTES
    const ok = fits ? answer?.status === 202 : answer?.status === 413 && answer.body.includes('"upload-too-large"')
    if (ok) right += 1
    else figures.say(`${describe(upload)}: ${answer?.status} ${answer?.body.slice(0, 200)}`)
    const after = await stateOf(world.sink)
    const made = Object.values(after.objects).length - Object.values(before.objects).length
    const stored = Object.values(after.objects).filter((bytes) => bytes === upload.bytes).length
    if (fits && stored === 0) left += 1
    if (made !== (fits ? 1 : 0)) left += 1
    left += after.uploads.length - before.uploads.length
  }
  const percent = (100 * right) / uploads.length
  const more = { requests: uploads.length, limit_bytes: LIMIT_BYTES }
  figures.add({ name: 'limits-right', value: percent, unit: '%', target: 100, bound: 'least' }, more)
  figures.add({ name: 'limits-leftovers', value: left, unit: 'objects', target: 0, bound: 'most' })
}

function limitCases(): Omit<UploadRequest, 'key'>[] {
  const sizes = [LIMIT_BYTES - 1, LIMIT_BYTES, LIMIT_BYTES + 1]
  return FORMS.flatMap((form) =>
    [false, true].flatMap((hidesLength) =>
      CHUNKS_BYTES.flatMap((chunkBytes) => sizes.map((bytes) => ({ form, bytes, chunkBytes, hidesLength }))),
    ),
  )
}

function describe({ form, bytes, chunkBytes, hidesLength }: Omit<UploadRequest, 'key'>): string {
  return `${form}, ${bytes} bytes in chunks of ${chunkBytes}${hidesLength ? ', length hidden' : ''}`
}

/** Killed by a reset and by an ordinary end in turn, at each step from the head to the last step before the end. */
async function reportKilled(world: World, figures: Figures): Promise<void> {
  const before = await stateOf(world.sink)
  const rowsBefore = await countRows(world)
  let kills = 0
  for (const form of FORMS) {
    for (let bytes = 0; bytes < KILLED_BYTES; bytes += KILL_STEP_BYTES) {
      await killAt(world, form, { bytes, reset: kills % 2 === 0 })
      kills += 1
    }
  }
  await settled(world, before)
  const after = await stateOf(world.sink)
  const rows = await countRows(world)
  const objects = Object.keys(after.objects).filter((key) => !(key in before.objects)).length
  const parts = after.uploads.length - before.uploads.length
  const begun = rows.all - rowsBefore.all
  const unfinished = rows.uploading
  const figure = { name: 'killed-leftovers', unit: 'objects, parts and rows', target: 0, bound: 'most' } as const
  figures.add({ ...figure, value: objects + parts + unfinished }, { kills, begun, objects, parts, unfinished })
}

async function killAt(world: World, form: Form, { bytes, reset }: { bytes: number; reset: boolean }): Promise<void> {
  const rows = (await countRows(world)).all
  const wire = openWire(world.api.url)
  const flushed = Promise.withResolvers<void>()
  let left = bytes
  for (const chunk of uploadOf({ form, bytes: KILLED_BYTES, chunkBytes: KILL_STEP_BYTES, key: benchKey(2) })) {
    const isHead = chunk.includes('HTTP/1.1') || chunk.includes('form-data')
    const cut = isHead ? chunk : chunk.subarray(0, left)
    if (!isHead) left -= cut.length
    if (cut.length > 0) wire.socket.write(cut)
    if (!isHead && left === 0) break
  }
  wire.socket.write('', () => flushed.resolve())
  wire.socket.once('close', () => flushed.resolve())
  await flushed.promise
  // Killed in the middle of the work, not before it has begun.
  if (bytes > 0) await until(async () => (await countRows(world)).all > rows)
  if (reset) wire.socket.resetAndDestroy()
  else wire.socket.destroy()
}

async function settled(world: World, { objects, uploads }: SinkState): Promise<void> {
  await until(async () => {
    const now = await stateOf(world.sink)
    const same =
      Object.keys(now.objects).length === Object.keys(objects).length && now.uploads.length === uploads.length
    return same && (await countRows(world)).uploading === 0
  })
}

/** Or until the patience is over: what has not happened by then is counted by the caller. */
async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + SETTLE_MS
  while (!(await isTrue()) && performance.now() < deadline) await delay(LOOK_MS)
}

async function countRows({ database }: World): Promise<{ all: number; uploading: number }> {
  const sql = `select count(*)::int as all, count(*) filter (where status = 'uploading')::int as uploading from jobs`
  const { rows } = await database.query<{ all: number; uploading: number }>(sql)
  return rows[0] ?? { all: 0, uploading: 0 }
}

async function stateOf(sink: BenchProcess): Promise<SinkState> {
  const answer = await fetch(`${sink.url}/-/state`)
  return (await answer.json()) as SinkState
}
