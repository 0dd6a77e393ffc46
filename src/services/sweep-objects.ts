/**
 * The net below everything that may break between an object and its row, in both directions:
 *
 *   audio, results, references → objects that are old and that no row needs are deleted
 *   parts                      → uploads in parts that nobody ended are aborted
 *   missing                    → an unfinished job whose recording is gone fails with `object-not-found`
 *
 * Each sweep has one turn at a time, over all instances. A pass does a bounded piece and notes how far it came; what
 * breaks it off (the database or the store away) leaves everything, and the next pass goes on from there.
 */
import { AppError, toAppError } from '../domain/errors.ts'
import type { Job, UnfinishedStatus } from '../domain/job.ts'
import type { StoredObject } from '../ports/object-store.ts'
import { OBJECT_KINDS, type ObjectKind, type SweepTurn } from '../ports/upkeep.ts'
import type { Ports } from '../ports.ts'
import { each } from './each.ts'
import { publishJobs } from './publish-job.ts'

type SweepPorts = Pick<Ports, 'sweeps' | 'jobs' | 'objects' | 'progress' | 'timeline' | 'metrics' | 'log'>

export interface SweepRules {
  /** From the end of one sweep to the next. */
  readonly intervalS: number
  /** What is younger is left alone; longer than any upload takes. */
  readonly graceS: number
  /** Most pages of one kind in one pass. Default 20. */
  readonly pagesPerPass?: number
  /** Objects or rows of one page. Default 500. */
  readonly pageSize?: number
  /** Aborts between two pages. */
  readonly signal?: AbortSignal
}

const LEASE_S = 600
/** A recording counts as missing when its row has stood still for this long: nobody is moving it, or just has. */
const STILL_S = 60

/** One pass over every kind that is due. What fails ends the pass of its kind alone, and is logged; nothing is thrown. */
export async function sweepObjects(ports: SweepPorts, rules: SweepRules): Promise<void> {
  for (const kind of OBJECT_KINDS) {
    await inTurn(ports, rules, kind, (turn, cursor) => sweepPage(ports, rules, kind, turn, cursor))
  }
  await inTurn(ports, rules, 'missing', (_turn, cursor) => failMissing(ports, rules, cursor))
  await inTurn(ports, rules, 'parts', async ({ now }) => {
    count(ports, 'parts', await ports.objects.abortStaleUploads(before(now, rules.graceS)))
    return null
  })
}

/** Works on one page and says where the next begins; null at the end. */
type Page = (turn: SweepTurn, cursor: string | null) => Promise<string | null>

async function inTurn(ports: SweepPorts, rules: SweepRules, name: string, page: Page): Promise<void> {
  try {
    const turn = await ports.sweeps.claim(name, LEASE_S)
    if (turn !== undefined) await runTurn(ports, rules, turn, page)
  } catch (error) {
    ports.metrics.count('swept', { kind: `${name}-error` })
    ports.log.warn({ kind: name, code: toAppError(error).code, err: error }, 'sweep broken off')
  }
}

async function runTurn(ports: SweepPorts, rules: SweepRules, turn: SweepTurn, page: Page): Promise<void> {
  let { cursor } = turn
  try {
    for (let done = 0; done < (rules.pagesPerPass ?? 20); done += 1) {
      cursor = await page(turn, cursor)
      if (cursor === null) return await ports.sweeps.end(turn, { cursor, dueInS: rules.intervalS })
      if (rules.signal?.aborted || !(await ports.sweeps.keep(turn, cursor, LEASE_S))) break
    }
  } catch (error) {
    // Not at once again: what broke it off may last. The page is repeated then.
    await ports.sweeps.end(turn, { cursor, dueInS: Math.min(60, rules.intervalS) })
    throw error
  }
  await ports.sweeps.end(turn, { cursor, dueInS: 0 })
}

async function sweepPage(
  ports: SweepPorts,
  rules: SweepRules,
  kind: ObjectKind,
  { now }: SweepTurn,
  after: string | null,
): Promise<string | null> {
  const limit = rules.pageSize ?? 500
  const found = await ports.objects.list(`${kind}/`, { limit, ...(after === null ? {} : { after }) })
  const youngest = before(now, rules.graceS)
  const isOld = ({ modifiedAt }: StoredObject) => modifiedAt < youngest
  const old = found.filter(isOld).map(({ key }) => key)
  const unneeded = old.length === 0 ? [] : await ports.sweeps.findUnneeded(kind, old)
  await each(unneeded, async (key) => {
    // A reference text is kept under its hash: the same one may just have been sent again.
    const [object] = kind === 'references' ? await ports.objects.list(key, { limit: 1 }) : []
    if (object !== undefined && !isOld(object)) return
    await ports.objects.delete(key)
    count(ports, kind, 1)
    ports.log.info({ kind, key }, 'orphaned object deleted')
  })
  return found.length < limit ? null : (found.at(-1)?.key ?? null)
}

async function failMissing(ports: SweepPorts, rules: SweepRules, after: string | null): Promise<string | null> {
  const limit = rules.pageSize ?? 500
  const found = await ports.sweeps.findStored({ after, minAgeS: STILL_S, limit })
  await each(found, async ({ job }) => {
    if ((await ports.objects.head(job.objectKey)) === undefined) await failOne(ports, job)
  })
  return found.length < limit ? null : (found.at(-1)?.after ?? null)
}

/** Only while the row is in the status it was read in: one that went on had its recording then. */
async function failOne(ports: SweepPorts, { jobId, attempt, status }: Job): Promise<void> {
  const { code, detail } = new AppError('object-not-found', 'The stored recording is gone')
  const error = { code, detail, retryable: false }
  const from = status as UnfinishedStatus
  const [ended] = await ports.jobs.advance([{ jobId, attempt, from, to: 'failed', error }])
  await publishJobs(ports, ended?.job === undefined ? [] : [ended.job])
  if (!ended?.moved) return
  ports.timeline.note({ jobId, attempt, hop: 'reconcile', outcome: 'ended', detail: code })
  count(ports, 'missing', 1)
  ports.log.warn({ jobId, attempt, status }, 'job failed because its recording is gone')
}

function before(now: Date, seconds: number): Date {
  return new Date(now.getTime() - seconds * 1000)
}

function count({ metrics }: SweepPorts, kind: string, by: number): void {
  if (by > 0) metrics.count('swept', { kind }, by)
}
