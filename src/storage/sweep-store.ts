/**
 * What sweeps ask of rows. A key counts as unneeded only by what its row says for good: a row that is missing is never
 * made later (rows come before objects), and what ended without its recording never gets it back.
 */
import { sql } from 'kysely'
import { isUuid } from '../domain/ids.ts'
import type { ObjectKind, SweepStore, SweepTurn } from '../ports/upkeep.ts'
import type { Database } from './database.ts'
import { JOB_COLUMNS, type JobRow, toJob } from './job-rows.ts'

export function createSweepStore(db: Database): SweepStore {
  return {
    claim: (name, leaseS) => claim(db, name, leaseS),
    keep: async ({ name, lease }, cursor, leaseS) => {
      const { rows } = await sql`
        update sweeps set cursor = ${cursor}, leased_until = now() + make_interval(secs => ${leaseS}::double precision)
        where name = ${name} and lease = ${lease} returning name`.execute(db)
      return rows.length > 0
    },
    end: async ({ name, lease }, { cursor, dueInS }) => {
      await sql`
        update sweeps set lease = null, leased_until = '-infinity', cursor = ${cursor},
          due_at = now() + make_interval(secs => ${dueInS}::double precision)
        where name = ${name} and lease = ${lease}`.execute(db)
    },
    lastCursor: async (name) => {
      const { rows } = await sql<{ cursor: string | null }>`select cursor from sweeps where name = ${name}`.execute(db)
      return rows[0]?.cursor ?? null
    },
    findUnneeded: (kind, keys) => findUnneeded(db, kind, keys),
    findStored: (page) => findStored(db, page),
  }
}

async function claim(db: Database, name: string, leaseS: number): Promise<SweepTurn | undefined> {
  const until = sql`now() + make_interval(secs => ${leaseS}::double precision)`
  const { rows } = await sql<Omit<SweepTurn, 'name'>>`
    insert into sweeps (name, lease, leased_until) values (${name}, gen_random_uuid(), ${until})
    on conflict (name) do update set lease = excluded.lease, leased_until = excluded.leased_until
    where sweeps.leased_until <= now() and sweeps.due_at <= now()
    returning lease, cursor, now() as now`.execute(db)
  const [turn] = rows
  return turn && { name, ...turn }
}

const NEVER_STORED = `(j.status = 'failed' and j.error_stage = 'uploading') or (j.status = 'cancelled' and j.sha256 is null)`

const CONDITIONS: Readonly<Record<ObjectKind, string>> = {
  audio: `not exists (
    select 1 from jobs j where j.job_id = k.job_id and j.object_key = k.key and j.purged_at is null
      and not (${NEVER_STORED}))`,
  // What a client sends straight to the store, until it is checked and kept under audio/.
  uploads: `not exists (
    select 1 from jobs j where j.job_id = k.job_id and j.purged_at is null
      and (j.status = 'uploading' or j.object_key = k.key and not (${NEVER_STORED})))`,
  results: `not exists (
    select 1 from jobs j where j.job_id = k.job_id and j.purged_at is null and (
      j.finished_at is null
      or exists (select 1 from job_results r where r.job_id = j.job_id and r.object_key = k.key)))`,
  references: `not exists (
      select 1 from token_references t where t.owner = k.owner and t.token_id = k.token_id
        and k.key in (t.audio_key, t.textgrid_key, t.pitch_key))
    and not exists (
      select 1 from token_references t where t.owner = k.owner and t.audio_sha256 = k.sha256)
    and not exists (select 1 from jobs j where j.reference->>'audioKey' = k.key and j.purged_at is null)
    and not exists (select 1 from jobs j where j.reference->>'textgridKey' = k.key and j.purged_at is null)
    and not exists (select 1 from jobs j where j.reference->>'pitchKey' = k.key and j.purged_at is null)
    and not exists (
      select 1 from jobs j where j.reference->>'audioSha256' = k.sha256 and j.owner = k.owner and j.purged_at is null)`,
}

async function findUnneeded(db: Database, kind: ObjectKind, keys: readonly string[]): Promise<string[]> {
  const known = keys.flatMap((key) => parseKey(kind, key) ?? [])
  if (known.length === 0) return []
  const { rows } = await sql<{ key: string }>`
    select k.key from unnest(
      ${known.map(({ key }) => key)}::text[], ${known.map(({ owner }) => owner)}::text[],
      ${known.map(({ jobId }) => jobId)}::uuid[], ${known.map(({ tokenId }) => tokenId)}::text[],
      ${known.map(({ sha256 }) => sha256)}::text[]
    ) as k(key, owner, job_id, token_id, sha256)
    where ${sql.raw(CONDITIONS[kind])}`.execute(db)
  return rows.map(({ key }) => key)
}

interface KnownKey {
  readonly key: string
  readonly owner: string
  readonly jobId: string | null
  readonly tokenId: string | null
  readonly sha256: string | null
}

/** What a key of ours says; undefined for one that we never made: nobody knows what needs it, so it stays. */
function parseKey(kind: ObjectKind, key: string): KnownKey | undefined {
  const [folder, encodedOwner = '', ...path] = key.split('/')
  const owner = decodeOwner(encodedOwner)
  if (folder !== kind || owner === undefined) return undefined
  const nothing = { key, owner, jobId: null, tokenId: null, sha256: null }
  const last = path.at(-1) ?? ''
  if (kind === 'references') {
    if (path.length !== 2) return undefined
    return path[0] === '~pitch' ? { ...nothing, sha256: last.split('.')[0] ?? '' } : { ...nothing, tokenId: path[0]! }
  }
  // An owner may be named like a job: the id is looked for behind the owner.
  const jobId = path.map((part) => part.slice(0, 36)).find(isUuid)
  return jobId === undefined ? undefined : { ...nothing, jobId }
}

function decodeOwner(text: string): string | undefined {
  try {
    return decodeURIComponent(text) || undefined
  } catch {
    return undefined
  }
}

async function findStored(db: Database, { after, minAgeS, limit }: Parameters<SweepStore['findStored']>[0]) {
  const [begunAt, jobId] = after?.split(' ') ?? ['-infinity', '00000000-0000-0000-0000-000000000000']
  const { rows } = await sql<JobRow & { begun: Date }>`
    select ${sql.join(JOB_COLUMNS.map((column) => sql.ref(column)))}, begun_at as begun from jobs
    where finished_at is null and status <> 'uploading'
      and begun_at <= now() - make_interval(secs => ${minAgeS}::double precision)
      and stage_at <= now() - make_interval(secs => ${minAgeS}::double precision)
      and (begun_at, job_id) > (${begunAt}::timestamptz, ${jobId}::uuid)
    order by begun_at, job_id limit ${limit}::integer`.execute(db)
  return rows.map((row) => ({ job: toJob(row), after: `${row.begun.toISOString()} ${row.job_id}` }))
}
