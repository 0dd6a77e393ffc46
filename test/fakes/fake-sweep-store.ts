import { randomUUID } from 'node:crypto'
import { isTerminal, type Job } from '../../src/domain/job.ts'
import type { ObjectKind, SweepStore } from '../../src/ports/upkeep.ts'
import type { FakeJobStore } from './fake-job-store.ts'
import type { FakeTokenStore } from './fake-token-store.ts'

interface Sweep {
  readonly lease: string | null
  readonly leasedUntilMs: number
  readonly dueMs: number
  readonly cursor: string | null
}

/** What the twins have in common: the tables they look at, and the database's clock in Unix milliseconds. */
export interface FakeTables {
  readonly jobs: Pick<FakeJobStore, 'rows' | 'results'>
  readonly tokens: Pick<FakeTokenStore, 'rows'>
  readonly purged: ReadonlySet<string>
  readonly now?: () => number
}

/** Sweeps in memory, on the rows of the other twins. */
export function createFakeSweepStore(tables: FakeTables): SweepStore {
  const { jobs, now = Date.now } = tables
  const sweeps = new Map<string, Sweep>()
  const held = ({ name, lease }: { name: string; lease: string }) => sweeps.get(name)?.lease === lease
  return {
    claim: async (name, leaseS) => {
      const known = sweeps.get(name) ?? { leasedUntilMs: 0, dueMs: 0, cursor: null }
      if (known.leasedUntilMs > now() || known.dueMs > now()) return undefined
      const lease = randomUUID()
      sweeps.set(name, { ...known, lease, leasedUntilMs: now() + leaseS * 1000 })
      return { name, lease, cursor: known.cursor, now: new Date(now()) }
    },
    keep: async (turn, cursor, leaseS) => {
      if (!held(turn)) return false
      sweeps.set(turn.name, { ...sweeps.get(turn.name)!, cursor, leasedUntilMs: now() + leaseS * 1000 })
      return true
    },
    end: async (turn, { cursor, dueInS }) => {
      if (!held(turn)) return
      sweeps.set(turn.name, { lease: null, leasedUntilMs: 0, cursor, dueMs: now() + dueInS * 1000 })
    },
    lastCursor: async (name) => sweeps.get(name)?.cursor ?? null,
    findUnneeded: async (kind, keys) => keys.filter((key) => isOurs(kind, key) && !isNeeded(tables, kind, key)),
    findStored: async ({ after, minAgeS, limit }) =>
      [...jobs.rows.values()]
        .filter(({ job }) => !isTerminal(job.status) && job.status !== 'uploading')
        .filter(({ begunMs, stageMs }) => Math.max(begunMs, stageMs) <= now() - minAgeS * 1000)
        .map(({ job, begunMs }) => ({ job, after: `${new Date(begunMs).toISOString()} ${job.jobId}` }))
        .sort((a, b) => (a.after < b.after ? -1 : 1))
        .filter((row) => after === null || row.after > after)
        .slice(0, limit),
  }
}

const JOB_ID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'

function isOurs(kind: ObjectKind, key: string): boolean {
  const form = kind === 'references' ? '[^/]+/[^/]+$' : `(?:.+/)?${JOB_ID}`
  return new RegExp(`^${kind}/[^/]+/${form}`).test(key)
}

function isNeeded({ jobs, tokens, purged }: FakeTables, kind: ObjectKind, key: string): boolean {
  const kept = [...jobs.rows.values()].map(({ job }) => job).filter(({ jobId }) => !purged.has(jobId))
  if (kind === 'audio') return kept.some((job) => job.objectKey === key && hasRecording(job))
  if (kind === 'uploads') {
    const job = kept.find(({ jobId }) => key.endsWith(jobId))
    return job?.status === 'uploading' || (job?.objectKey === key && hasRecording(job))
  }
  if (kind === 'results') {
    const job = kept.find(({ jobId }) => key.split('/')[2] === jobId)
    if (job === undefined || !isTerminal(job.status)) return job !== undefined
    const results = [...jobs.results].filter(([id]) => id.startsWith(job.jobId)).map(([, result]) => result)
    return results.some((result) => 'objectKey' in result && result.objectKey === key)
  }
  const [, owner, folder, name = ''] = key.split('/')
  const isOf = (candidate: string) => encodeURIComponent(candidate) === owner
  const references = [
    ...[...tokens.rows.values()].filter((token) => isOf(token.owner)),
    ...kept.flatMap((job) => (isOf(job.owner) && job.reference ? [job.reference] : [])),
  ]
  if (folder === '~pitch') return references.some(({ audioSha256 }) => audioSha256 === name.split('.')[0])
  return references.some(({ audioKey, textgridKey, pitchKey }) => [audioKey, textgridKey, pitchKey].includes(key))
}

function hasRecording({ status, error, sha256 }: Job): boolean {
  return !(status === 'failed' && error?.stage === 'uploading') && !(status === 'cancelled' && sha256 === null)
}
