/** What the rows say: a status in which jobs wait beyond its time names the role that does not run. */
import { sql } from 'kysely'
import type { Config } from '../../src/config.ts'
import { directWaitS } from '../../src/domain/explain-direct.ts'
import type { Route, UnfinishedStatus } from '../../src/domain/job.ts'
import { openDatabase } from '../../src/storage/database.ts'
import { ANSWER_TIMEOUT_MS, type Check, type Finding, ok, warning } from './check.ts'

/** A pass of the reconciler, and a busy moment. */
const SLACK_S = 60

export function checkJobs(url: string, config: Config): Check {
  return {
    name: 'jobs',
    async run() {
      const db = openDatabase({
        url,
        poolSize: 1,
        connectTimeoutMs: ANSWER_TIMEOUT_MS,
        statementTimeoutMs: ANSWER_TIMEOUT_MS,
      })
      try {
        const { rows } = await sql<Waiting>`
          select status, route, count(*)::integer as count,
            max(extract(epoch from now() - greatest(stage_at, not_before, upload_deadline_at)))::float8 as "waitsS"
          from jobs where finished_at is null group by status, route`.execute(db)
        return describe(rows, config)
      } finally {
        await db.destroy()
      }
    },
    mendOf: () => 'see what is said of postgresql',
  }
}

interface Waiting {
  readonly status: UnfinishedStatus
  readonly route: Route
  readonly count: number
  /** Since it may go on. */
  readonly waitsS: number
}

function describe(rows: readonly Waiting[], config: Config): Finding[] {
  const total = rows.reduce((sum, { count }) => sum + count, 0)
  const late = rows.flatMap(({ status, route, count, waitsS }) => {
    const { afterS, role } = expectationOf(status, route, config)
    if (waitsS <= afterS) return []
    const seen = `of ${count} jobs ${status}, the oldest has waited ${Math.round(waitsS)} s, beyond ${Math.round(afterS)} s`
    return [warning(seen, `see whether npm run ${role} runs and keeps up`)]
  })
  const oldest = Math.max(0, ...rows.map(({ waitsS }) => waitsS))
  return late.length > 0 ? late : [ok(`${total} unfinished, the oldest in its status for ${Math.round(oldest)} s`)]
}

/** Who takes a job out of a status, and how long that may take. */
function expectationOf(status: UnfinishedStatus, route: Route, config: Config): { afterS: number; role: string } {
  if (route === 'direct' && status !== 'uploading') {
    const waitS = status === 'stored' ? directWaitS(config) : config.directAnswerTimeoutS
    return { afterS: waitS + SLACK_S, role: 'worker:reconcile' }
  }
  switch (status) {
    case 'uploading':
      return { afterS: SLACK_S, role: 'worker:reconcile' }
    case 'stored':
      return { afterS: config.stalledAfterS + SLACK_S, role: 'worker:reconcile' }
    case 'queued':
      return { afterS: config.stalledAfterS + SLACK_S, role: 'worker:forward' }
    case 'forwarded':
      return { afterS: config.inFlightCheckS + SLACK_S, role: 'worker:analyse' }
    case 'analysing':
      return { afterS: config.analysisTimeoutS + SLACK_S, role: 'worker:analyse and npm run worker:record' }
    default:
      throw new Error(`unhandled status ${status satisfies never}`)
  }
}
