/** What must be true once all has settled. Each fault is a sentence; none is what the drill wants. */
import type { Load } from './load.ts'
import { faultsOfStream } from './stream.ts'
import type { SentJob } from './uploads.ts'
import type { World } from './world.ts'

interface Row {
  readonly job_id: string
  readonly status: string
  readonly finished_at: Date | null
  readonly error_code: string | null
  readonly error_stage: string | null
  readonly sha256: string | null
  readonly object_key: string
  readonly result_key: string | null
  readonly results: number
  readonly idempotency_key: string | null
}

const PAGE = 500

/** All jobs of the owner: those that were accepted, and those whose client never heard of them. */
export async function verify(world: World, owner: string, load: Pick<Load, 'jobs'>): Promise<string[]> {
  const rows = await readRows(world, owner)
  const faults: string[] = []
  for (const row of rows.values()) faults.push(...faultsOfRow(row))
  for (const sent of load.jobs) faults.push(...faultsOfJob(world, sent, rows.get(sent.jobId)))
  return [
    ...faults,
    ...(await faultsOfObjects(world, owner, [...rows.values()])),
    ...(await faultsOfKeys(world, owner)),
  ]
}

async function readRows({ database }: World, owner: string): Promise<ReadonlyMap<string, Row>> {
  const { rows } = await database.query<Row>(
    `select j.job_id, j.status, j.finished_at, j.error_code, j.error_stage, j.sha256, j.object_key, j.idempotency_key,
       (select count(*)::int from job_results r where r.job_id = j.job_id) as results,
       (select r.object_key from job_results r where r.job_id = j.job_id) as result_key
     from jobs j where j.owner = $1`,
    [owner],
  )
  return new Map(rows.map((row) => [row.job_id, row]))
}

function faultsOfRow({ job_id, status, finished_at, results, error_code }: Row): string[] {
  const faults: string[] = []
  const isTerminal = ['completed', 'failed', 'cancelled'].includes(status)
  if (!isTerminal || finished_at === null) faults.push(`${job_id} is ${status} for ever`)
  if (results !== (status === 'completed' ? 1 : 0)) faults.push(`${job_id} is ${status} with ${results} results`)
  if (status === 'failed' && error_code === null) faults.push(`${job_id} failed without a reason`)
  return faults
}

function faultsOfJob(world: World, sent: SentJob, row: Row | undefined): string[] {
  const name = `${sent.kind} job ${sent.jobId}`
  if (row === undefined) return [`${name} was accepted and is gone`]
  const streamed = sent.stream === undefined ? [] : faultsOfStream(sent.stream, row.status)
  const faults = streamed.map((fault) => `${name}: ${fault}`)
  if (!sent.mayEnd.includes(row.status)) faults.push(`${name} ended as ${row.status} (${row.error_code})`)
  if (sent.hasCallback) faults.push(...faultsOfCallbacks(world, sent, row).map((fault) => `${name}: ${fault}`))
  return faults
}

function faultsOfCallbacks({ receiver }: World, { jobId, leastCallbacks = 1 }: SentJob, { status }: Row): string[] {
  const told = receiver.told(jobId)
  if (told.length < leastCallbacks) return [`its callback came ${told.length} times`]
  const ids = new Set(told.map(({ deliveryId }) => deliveryId))
  const faults = ids.size === 1 ? [] : [`its callback came under ${ids.size} ids`]
  return told.every(({ event }) => event === status) ? faults : [...faults, 'its callback says another end']
}

async function faultsOfObjects({ ports }: World, owner: string, rows: readonly Row[]): Promise<string[]> {
  const listed = await Promise.all(['audio', 'results', 'uploads'].map((kind) => listAll(ports, `${kind}/${owner}/`)))
  const there = new Set(listed.flat())
  const keptRows = rows.filter((row) => !neverStored(row))
  const needed = new Set(keptRows.map(({ object_key }) => object_key))
  for (const { result_key } of rows) if (result_key !== null) needed.add(result_key)
  const orphans = [...there].filter((key) => !needed.has(key)).map((key) => `object ${key} is an orphan`)
  const missing = [...needed].filter((key) => !there.has(key)).map((key) => `object ${key} is missing`)
  return [...orphans, ...missing]
}

async function listAll({ objects }: World['ports'], prefix: string): Promise<string[]> {
  const keys: string[] = []
  for (let last: string | undefined; ; last = keys.at(-1)) {
    const page = await objects.list(prefix, { limit: PAGE, ...(last !== undefined && { after: last }) })
    keys.push(...page.map(({ key }) => key))
    if (page.length < PAGE) return keys
  }
}

function neverStored({ status, error_stage, sha256 }: Row): boolean {
  return (status === 'failed' && error_stage === 'uploading') || (status === 'cancelled' && sha256 === null)
}

async function faultsOfKeys({ database }: World, owner: string): Promise<string[]> {
  const { rows } = await database.query<{ idempotency_key: string }>(
    `select idempotency_key from jobs where owner = $1 and idempotency_key is not null
     group by idempotency_key having count(*) > 1`,
    [owner],
  )
  return rows.map(({ idempotency_key }) => `the key ${idempotency_key} made several jobs`)
}
